"""A machine's folder: the writable layer of its root, its volumes, and what its first boot must find.

Volumes (containerd's, kubelet's and etcd's folders) are bind mounts, because containerd cannot stack an overlay on an overlay.
Seeds are clones by hard link, files that are written in place excepted: thousands of unpacked image files in a quarter second.
"""

from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Iterable
from pathlib import Path

from harness.errors import CloudError
from harness.localazure.fabric.api import WIRE, MachinePlan
from harness.localazure.fabric.commands import attempt, run
from harness.localazure.fabric.images import Image
from harness.localazure.fabric.processes import with_argument

_SEED = "var/lib/cloud/seed/nocloud"
_READY = "ready"


class Root:
    """The folder of one machine.

    :param folder: absolute.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mountpoint = folder / "root"
        self.upper = folder / "upper"
        self.console = folder / "console.log"
        self.pid = folder / "pid"
        self.leaving = folder / "leaving"
        self.spec = folder / "launch.json"
        self.devices = folder / "devices.json"
        self.ready = folder / "ready.sh"

    def prepare(self, plan: MachinePlan, image: Image) -> None:
        """Make the folder for a machine that never booted; one that did is left as it is."""
        if (self.folder / _READY).exists():
            return
        self.delete()
        for folder in (self.mountpoint, self.upper, self.folder / "work", self.folder / "volumes"):
            folder.mkdir(parents=True)
        for path in dict.fromkeys([*image.volumes, *image.seeds]):
            target = self.volume(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path in image.seeds:
                clone(image.seeds[path], target, image.copied)
            else:
                target.mkdir()
        self._write_first_boot(plan)
        (self.folder / _READY).touch()

    def volume(self, path: str) -> Path:
        """The folder on the host behind a volume or seed of the machine."""
        return self.folder / "volumes" / path

    def overlay(self, image: Image) -> str:
        """Mount options of the root."""
        paths = [*image.layers, self.upper, self.folder / "work"]
        wrong = [str(path) for path in paths if set(str(path)) & set(":,\\")]
        if wrong:
            raise CloudError(
                f"mount the root of {self.folder.name}",
                code="InvalidImage",
                last_seen=f"a path with ':', ',' or a backslash, which overlay cannot take: {wrong[0]}",
                hint="use another cache or state folder",
            )
        lower = ":".join(map(str, image.layers))
        return f"lowerdir={lower},upperdir={self.upper},workdir={self.folder / 'work'}"

    def delete(self) -> None:
        """Remove the folder and everything in it, and stop what a killed server may still have filling it."""
        for process, _ in with_argument(f"{self.folder}/"):
            process.send(signal.SIGKILL)
        if self.folder.exists():
            erase(self.folder)

    def discard(self, trash: Path) -> None:
        """Move the folder away at once; thousands of files take a second to delete, which nobody needs to wait for."""
        if self.folder.exists():
            trash.mkdir(exist_ok=True)
            self.folder.rename(trash / f"{self.folder.name}-{uuid.uuid4().hex}")

    def _write_first_boot(self, plan: MachinePlan) -> None:
        # The network is set up from outside before boot; cloud-init must not touch it.
        files: dict[str, str | bytes] = {
            "etc/hostname": f"{plan.name}\n",
            "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {plan.name}\n::1 localhost ip6-localhost ip6-loopback\n",
            "etc/resolv.conf": f"nameserver {WIRE}\n",  # as on Azure; where nothing listens, it refuses at once
            "etc/machine-id": f"{uuid.uuid4().hex}\n",
            "etc/cloud/cloud.cfg.d/99-fabric.cfg": "datasource_list: [NoCloud]\nnetwork: {config: disabled}\n",
            f"{_SEED}/meta-data": f"instance-id: {plan.key}\nlocal-hostname: {plan.name}\n",
            f"{_SEED}/user-data": plan.custom_data or b"#cloud-config\n{}\n",
        }
        for name, content in files.items():
            file = self.upper / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
            if name.startswith(_SEED):
                file.chmod(0o600)


def erase(folder: Path) -> None:
    """Delete a folder and all in it, but nothing that is mounted there."""
    run(["rm", "-rf", "--one-file-system", str(folder)], timeout=300)


def clone(source: Path, target: Path, copied: Iterable[str]) -> None:
    """Clone a folder by hard links; files that match one of the patterns are copied. Copies all on another file system."""
    code, _, errors = attempt(["cp", "-al", str(source), str(target)], timeout=120)
    if code:
        if "cross-device" not in errors.lower():
            raise CloudError(f"clone {source}", code="FabricFailure", last_seen=errors[-500:])
        run(["rm", "-rf", str(target)], timeout=120)
        run(["cp", "-a", "--reflink=auto", str(source), str(target)], timeout=600)
        return
    patterns = [item for pattern in copied for item in ("-o", "-name", pattern)][1:]
    if not patterns:
        return
    found = run(["find", str(source), "-type", "f", "(", *patterns, ")", "-printf", "%P\\n"], timeout=60)
    for name in found.splitlines():
        copy = target / f"{name}.new"
        shutil.copy2(source / name, copy)
        copy.replace(target / name)
