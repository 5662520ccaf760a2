"""Runs containerd in a chroot and imports an OCI layout into it; the process that ``store`` starts in its own namespaces."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from harness.builds.command import run, tail
from harness.errors import BuildError

_NAMESPACE = "k8s.io"
_LABELS = ("io.cri-containerd.image=managed", "io.cri-containerd.pinned=pinned")
"""What containerd's CRI plugin puts on images that it pulled, and (1.7 and newer) on those that must not be collected."""
_CONFIG = """\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri"]
"""
_START = 30.0
"""Seconds for containerd to answer."""
_IMPORT = 600.0


def main(work: Path, oci: Path, store: Path, *lower: Path) -> None:
    """Mount, start, import, label, stop; the mounts end with the namespace."""
    run(["mount", "-t", "tmpfs", "tmpfs", work], "mount a scratch folder", timeout=30)
    root = work / "root"
    for name in ("upper", "work", "root"):
        (work / name).mkdir()
    layers = f"lowerdir={':'.join(map(str, lower))},upperdir={work}/upper,workdir={work}/work"
    run(["mount", "-t", "overlay", "overlay", "-o", layers, root], "mount the machine's layers", timeout=30)
    run(["mount", "-t", "proc", "proc", root / "proc"], "mount /proc", timeout=30)
    run(["mount", "--rbind", "/dev", root / "dev"], "mount /dev", timeout=30)
    target = root / "var/lib/containerd"
    target.mkdir(parents=True, exist_ok=True)
    run(["mount", "--bind", store, target], "mount the store", timeout=30)
    (root / "etc/harness-import.toml").write_text(_CONFIG)
    log = work / "containerd.log"
    with log.open("wb") as stream:
        daemon = subprocess.Popen(
            ["chroot", root, "containerd", "--config", "/etc/harness-import.toml"],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(root, daemon, log)
            _import(root, oci)
            _label(root)
        except BuildError as caught:
            caught.log_tail += "\n" + tail(log.read_text(errors="replace"))
            raise
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)
    for mount in (target, root / "proc", root / "dev", root, work):
        run(["umount", "--recursive", mount], f"unmount {mount}", timeout=30)


def _ctr(root: Path, *arguments: str) -> list[str | Path]:
    return ["chroot", root, "ctr", "--namespace", _NAMESPACE, *arguments]


def _await(root: Path, daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START
    while daemon.poll() is None and time.monotonic() < deadline:
        asked = subprocess.run(_ctr(root, "version"), capture_output=True, timeout=_START, check=False)
        if asked.returncode == 0:
            return
        time.sleep(0.1)
    raise BuildError("start containerd for the import", awaited=f"its socket, {_START:.0f} s")


def _import(root: Path, oci: Path) -> None:
    archive = subprocess.Popen(["tar", "-C", oci, "-cf", "-", "."], stdout=subprocess.PIPE)
    importing = subprocess.run(
        _ctr(root, "images", "import", "--snapshotter", "overlayfs", "-"),
        stdin=archive.stdout,
        capture_output=True,
        text=True,
        timeout=_IMPORT,
        check=False,
    )
    archive.wait(timeout=30)
    if importing.returncode != 0:
        text = tail(importing.stdout + importing.stderr)
        raise BuildError("import the images", last_seen=text.splitlines()[-1] if text else "", log_tail=text)


def _label(root: Path) -> None:
    names = run(_ctr(root, "images", "list", "--quiet"), "list the imported images", timeout=60).split()
    if not names:
        raise BuildError("import the images", last_seen="containerd lists none")
    for name in names:
        run(_ctr(root, "images", "label", name, *_LABELS), f"label {name}", timeout=60)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
