"""A virtual host: QEMU without hardware virtualisation, so that it runs wherever the project's own tests do.

No network card. Two folders are shared by 9p, which Debian's kernel has: ``in``, read-only, with a job and its files, and ``out``
for results. The guest's first serial line is its console; the second carries what the job prints.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from disks import Disks

from harness.errors import UsageError

PROGRAM = "qemu-system-x86_64"
PACKAGE = "qemu-system-x86"


@dataclass(frozen=True)
class Size:
    """Of the virtual host."""

    processors: int
    memory_mib: int


class VirtualHost:
    """One boot of a virtual host.

    :param work: folder for its console, ``in`` and ``out``.
    """

    def __init__(self, disks: Disks, size: Size, work: Path) -> None:
        self._disks = disks
        self._size = size
        self.console = work / "console.log"
        self.given = work / "in"
        self.results = work / "out"

    def run(self, limit: float, show: Callable[[str], None]) -> int | None:
        """Boot, let it do its job, and wait until it is off.

        :param limit: seconds; then it is cut off.
        :param show: gets each line that the job prints.
        :return: the job's exit code; None if it did not end.
        """
        self.results.mkdir(parents=True, exist_ok=True)
        code = self.results / "exit-code"
        code.unlink(missing_ok=True)
        process = subprocess.Popen(
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        cut = threading.Timer(limit, os.killpg, (process.pid, signal.SIGTERM))
        cut.start()
        try:
            assert process.stdout
            for line in process.stdout:
                show(line.rstrip())
            process.wait()
        finally:
            cut.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(30)
        return int(code.read_text()) if code.exists() else None

    def _command(self) -> list[str]:
        system, build = self._disks.system, self._disks.build
        return [
            *(PROGRAM, "-accel", "tcg,thread=multi,tb-size=1024", "-machine", "q35", "-cpu", "max"),
            *("-smp", str(self._size.processors), "-m", str(self._size.memory_mib)),
            *("-kernel", str(self._disks.kernel), "-initrd", str(self._disks.initrd)),
            # a busy host's timer is late, which the kernel would take for a broken one
            *("-append", "root=/dev/vda rw console=ttyS0 no_timer_check mitigations=off panic=-1"),
            # snapshot: what the guest writes goes to a temporary file that QEMU has already unlinked
            *(item for disk in (system, build) for item in ("-drive", f"file={disk},if=virtio,format=raw,snapshot=on")),
            *("-virtfs", f"local,path={self.given},mount_tag=in,security_model=none,readonly=on"),
            *("-virtfs", f"local,path={self.results},mount_tag=out,security_model=none"),
            *("-device", "virtio-rng-pci", "-nic", "none", "-display", "none", "-vga", "none", "-no-reboot"),
            *("-serial", f"file:{self.console}", "-chardev", "stdio,id=job,signal=off", "-serial", "chardev:job"),
        ]


def check() -> None:
    """Raise ``UsageError`` where there is no QEMU."""
    if shutil.which(PROGRAM) is None:
        raise UsageError(
            f"boot a virtual host: {PROGRAM} is not installed",
            hint=f"apt-get install --no-install-recommends {PACKAGE}",
        )
