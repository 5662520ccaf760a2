"""Runs a command inside a machine: in its namespaces and in the control groups of its init process.

Without the groups, whatever the command leaves behind would not belong to the machine and would survive it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from harness.errors import CloudError
from harness.localazure.fabric.cgroups import TOP
from harness.localazure.fabric.processes import Process

_ENTER = Path(__file__).with_name("enter.py")


def groups_of(process: Process) -> list[str]:
    """Folders on this host of the control groups a process is in."""
    folders = []
    for line in Path(f"/proc/{process.pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        name = controllers.removeprefix("name=") if controllers else "unified"
        mounted = TOP / name if (TOP / name).is_dir() else TOP
        folders.append(str(mounted / path.lstrip("/")))
    return folders


async def run_inside(leader: Process, argv: tuple[str, ...], timeout: float) -> tuple[int, bytes]:
    """Run a command and return its exit code and merged output.

    :param timeout: seconds; then the command is killed.
    :raises CloudError: it took too long.
    """
    entered = ["nsenter", "-t", str(leader.pid), "-m", "-u", "-i", "-n", "-p", "-C", "--", *argv]
    command = [sys.executable, "-I", "-S", str(_ENTER), *groups_of(leader), "--", *entered]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"},
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout)
    except (TimeoutError, asyncio.CancelledError) as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if isinstance(error, asyncio.CancelledError):
            raise
        raise CloudError(
            f"run {argv[0]} in a machine", code="VMRunCommandTimeout", awaited=f"its end, {timeout:g} s"
        ) from error
    assert process.returncode is not None
    return process.returncode, output
