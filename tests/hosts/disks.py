"""The disks of a stock Debian 12: its system with what scripts/setup installs, and one finished build of the cache.

The system is what a person gets who installs Debian 12 with its usual packages and kernel and runs ``scripts/setup`` in a checkout.
The build comes on a disk of its own, found at the same path as here, because a managed image names its layers by path; state
folders are beside it, because machines clone their containers' store by hard links. Nothing in the guest needs a network:
Debian's packages and Python's wheels are fetched here, and Go finds the one module it asks for in a copy of the module cache.

``mke2fs -d`` fills a disk from a folder, so that nothing has to be mounted.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from harness.builds import debian
from harness.builds.builder import CachedBuilder
from harness.builds.cache import Cache
from harness.builds.machine import system as machine_system
from harness.builds.toolchain import find_toolchain
from harness.errors import UsageError

TOP = Path(__file__).resolve().parents[2]
CHECKOUT = "root/kubernetes-azure-harness"
"""Where the guest has the checkout."""
BUILD = "var/lib/harness"
"""Where the guest mounts the disk of the build."""
PATH = "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PYTHON = (3, 11)
"""Debian 12's."""
_STOCK = (
    "linux-image-amd64",
    "apparmor",
    "dbus",
    "systemd-sysv",
    "systemd-timesyncd",
    "python3",
    "python3-venv",
    "make",
)
"""On top of the packages of priority "important": what Debian's installer puts on every machine, and what the README asks for."""
_GIB = 1024**3
_SYSTEM_SIZE = 8 * _GIB
_BUILD_SIZE = 40 * _GIB
"""Sparse; more than what ``harness doctor`` wants to be free."""
_MINUTES = 60.0

UNIT = """\
[Unit]
Description=Run what the host asks for, then power off
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/host-job
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/ttyS1
Environment=HOME=/root

[Install]
WantedBy=multi-user.target
"""

JOB = """\
#!/bin/sh
# Two folders of the host: what is to be run, and where its results go.
modprobe -a 9p 9pnet_virtio
mkdir -p /mnt/in /mnt/out
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro in /mnt/in
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 out /mnt/out
sh /mnt/in/job
echo $? >/mnt/out/exit-code
umount /mnt/out
systemctl --no-block poweroff
"""


@dataclass(frozen=True)
class Disks:
    """What QEMU is given."""

    kernel: Path
    initrd: Path
    system: Path
    build: Path


def run(argv: Sequence[str | Path], minutes: float = 10.0, **options: object) -> str:
    """Run a program; its standard output. Its errors go where ours go."""
    done = subprocess.run(
        list(map(str, argv)),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=minutes * _MINUTES,
        **options,  # type: ignore[call-overload]
    )
    return str(done.stdout)


def make(work: Path, cache: Path, source: str) -> Disks:
    """Make what is not yet in the work folder.

    :param source: its build is put in; empty: only the machines' Debian tree, which the fabric's own tests boot.
    """
    folder = work / f"system-{_system_key()}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _make_system(folder)
        (folder / "done").touch()
    return Disks(folder / "vmlinuz", folder / "initrd", folder / "disk.img", _build_disk(work, cache, source))


def checkout_files() -> list[str]:
    """Files of the checkout as they are now, those not yet committed included."""
    listed = run(["git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    return sorted(name for name in set(listed.split("\0")) if name and (TOP / name).is_file())


def _system_key() -> str:
    files = (Path(__file__), TOP / "pyproject.toml", TOP / "scripts/setup")
    material = [*(file.read_text() for file in files), find_toolchain().version]
    return hashlib.sha256("\0".join(material).encode()).hexdigest()[:12]


def _make_system(folder: Path) -> None:
    overlay = folder / "files"
    _write_files(overlay)
    _fetch_wheels(overlay / "root/wheels")
    say("installing Debian 12 with its kernel, then scripts/setup in it")
    root = folder / "root"
    setup = f"PIP_NO_INDEX=1 PIP_FIND_LINKS=/root/wheels PIP_CONFIG_FILE=/dev/null /{CHECKOUT}/scripts/setup"
    hooks = [
        f"sync-in {overlay} /",
        f'chroot "$1" env -i HOME=/root PATH={PATH} sh -c "{setup}"',
        'chroot "$1" systemctl enable --quiet host-job.service',
        'rm -r "$1/root/wheels"',
    ]
    run(
        [
            *(
                "mmdebstrap",
                "--mode=root",
                "--variant=important",
                "--format=directory",
                f"--include={','.join(_STOCK)}",
            ),
            *(f"--aptopt={line}" for line in debian.apt_settings()),
            *(f"--customize-hook={hook}" for hook in hooks),
            *("bookworm", root, *debian.host_sources("bookworm")),
        ],
        30,
        stdin=subprocess.DEVNULL,
    )
    for name in ("vmlinuz", "initrd"):
        shutil.copy2(next((root / "boot").glob(f"{name}*")), folder / name)
    _make_disk(root, folder / "disk.img", _SYSTEM_SIZE)
    run(["rm", "-rf", "--one-file-system", root, overlay])


def _write_files(overlay: Path) -> None:
    """What is not of Debian: a table of disks, a name, the job, time to start things, Go, and the checkout as far as setup needs it."""
    texts = {
        "etc/fstab": f"/dev/vda / ext4 defaults 0 0\n/dev/vdb /{BUILD} ext4 defaults 0 0\n",
        "etc/systemd/system.conf.d/patience.conf": "[Manager]\nDefaultTimeoutStartSec=30min\n",
        "etc/hostname": "debian12\n",
        "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 debian12\n",
        "etc/systemd/system/host-job.service": UNIT,
        "usr/local/sbin/host-job": JOB,
    }
    for name, text in texts.items():
        (overlay / name).parent.mkdir(parents=True, exist_ok=True)
        (overlay / name).write_text(text)
    (overlay / "usr/local/sbin/host-job").chmod(0o755)
    (overlay / BUILD).mkdir(parents=True)
    _copy(Path(_go("GOROOT")), overlay / "usr/local/go")
    for name in checkout_files():
        if name.startswith(("harness/", "scripts/", "pyproject.toml", "README.md")):
            target = overlay / CHECKOUT / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, target)


def _fetch_wheels(folder: Path) -> None:
    """What is installed here, once more, by this host's pip as it is configured; some of it has no wheel and is built."""
    if sys.version_info[:2] != _PYTHON:
        raise UsageError(
            "make wheels for Debian 12",
            last_seen=f"this is Python {sys.version_info[0]}.{sys.version_info[1]}",
            hint="set the checkout up with Debian 12's: make setup PYTHON=python3.11",
        )
    say("fetching wheels")
    folder.mkdir(parents=True)
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    ours = (project["project"]["name"], "pip", "setuptools")
    installed = [f"{item.name}=={item.version}" for item in distributions() if item.name not in ours]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir", folder]
    run([sys.executable, "-m", "pip", "wheel", *options, *sorted(installed), *project["build-system"]["requires"]], 20)


def _build_disk(work: Path, cache: Path, source: str) -> Path:
    folders = list(_cached(cache, source))
    key = hashlib.sha256(json.dumps([source, *map(str, folders)]).encode()).hexdigest()[:12]
    disk = work / f"build-{key}.img"
    if not disk.exists():
        say(f"copying {len(folders)} folders of {cache} to a disk")
        # beside the cache, so that files can be hard links instead of copies
        stage = cache / "tmp" / f"host-disk-{key}"
        run(["rm", "-rf", stage])
        try:
            _fill(stage, cache, folders, source)
            _make_disk(stage, disk, _BUILD_SIZE)
        finally:
            run(["rm", "-rf", stage])
    return disk


def _cached(cache: Path, source: str) -> Iterator[Path]:
    """Folders of the cache that a run of this source reads."""
    yield debian.tree(Cache(cache), machine_system.TREE, say).parent
    if source:
        build = CachedBuilder(cache).find(source)
        if build is None or not list(build.folder.glob("image-*")):
            raise UsageError(
                f"find the build of {source} in {cache}", hint=f"make it: .venv/bin/harness up --source {source}"
            )
        yield build.folder


def _fill(stage: Path, cache: Path, folders: list[Path], source: str) -> None:
    (stage / "state").mkdir(parents=True)
    for folder in folders:
        target = stage / "cache" / folder.relative_to(cache)
        target.parent.mkdir(parents=True, exist_ok=True)
        run(["cp", "-al", folder, target])
    if source:
        version = source.removeprefix("module:")
        for name in (f"k8s.io/kubernetes@{version}", "cache/download/k8s.io/kubernetes"):
            _copy(Path(_go("GOMODCACHE"), name), stage / "modules" / name)


def _go(name: str) -> str:
    """A setting of the Go toolchain that builds use."""
    return run([find_toolchain().go, "env", name]).strip()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "-a", "--reflink=auto", source, target])


def _make_disk(folder: Path, disk: Path, size: int) -> None:
    unfinished = disk.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with unfinished.open("wb") as file:
        file.truncate(size)
    run(
        ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1,root_owner=0:0", "-d", folder, unfinished],
        30,
    )
    unfinished.rename(disk)


def say(text: str) -> None:
    print(f"host: {text}", file=sys.stderr, flush=True)
