"""A machine whose disk is full, without a byte of the host's disk.

Over each folder that fills up in practice lies an overlay whose upper layer is a tmpfs with no room left. What was there can be
read, and deleted; whatever is written gets ENOSPC, and statfs(2) says that nothing is free, which is what kubelet looks at. Programs
that run keep the files they have open, as containers keep their mounts: below the overlay nothing changes, and it goes away by
unmounting it.

containerd's snapshots are the exception. An overlay cannot be the upper layer of another one, so a container made there would get
EINVAL; with no inode left, making its folder fails first, and with ENOSPC.
"""

from __future__ import annotations

SNAPSHOTS = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"
FOLDERS = (
    *("/var/lib/kubelet", "/var/lib/etcd", "/var/log"),
    *("/var/lib/containerd/io.containerd.content.v1.content/ingest", SNAPSHOTS),
)
"""What fills up: volumes of pods, etcd's data, logs, image layers that are being pulled, writable layers of containers."""
_SOURCE = "full-disk"
"""By what the mounts are known: /proc/self/mounts is the only record of them."""

_ALONE = f"""\
set -eu
exec 9>/run/{_SOURCE}.lock
flock 9
"""
_FILL = f"""\
fill() {{
    room=/run/{_SOURCE}
    mkdir -p "$1" "$room"
    mount -t tmpfs -o size=1m,mode=700 {_SOURCE} "$room"
    mkdir "$room/upper" "$room/work"
    chmod --reference="$1" "$room/upper"
    mount -t overlay -o "lowerdir=$1,upperdir=$room/upper,workdir=$room/work" {_SOURCE} "$1"
    cat /dev/zero >"$room/rest" 2>/dev/null || :
    if [ "$1" = {SNAPSHOTS} ]; then
        mount -o remount,nr_inodes="$(df --output=iused "$room" | tail -n 1 | tr -d ' ')" "$room"
    fi
    umount --lazy "$room"
}}
for folder in {" ".join(FOLDERS)}; do
    grep -q "^{_SOURCE} $folder " /proc/self/mounts || fill "$folder"
done
"""
_EMPTY = f"""\
for folder in {" ".join(FOLDERS)}; do
    ! grep -q "^{_SOURCE} $folder " /proc/self/mounts || umount --lazy "$folder"
done
"""


def script(full: bool) -> str:
    """What makes a machine's disk full, or no longer so; run by its shell in its mounts, as often as one likes, also at the same time."""
    return _ALONE + (_FILL if full else _EMPTY)
