"""What a virtual host does, as root, in the checkout: steps, each with its output, a verdict line, and a record in ``steps.json``.

Run by the checkout's own Python: ``inside.py FOLDER SOURCE STEP...``; FOLDER receives ``steps.json`` and the reports. A step that fails
does not stop those after it, but for those that need the cluster it did not bring up. Exit code 0 when every step passed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "bench"))

from host import HostState  # noqa: E402 - bench/ is no package

SPECS = (
    "test_tcp_is_reached_from_outside",
    "test_an_attached_disk_is_a_device_and_protected",
    "test_nodes_reach_nodes",
    "(ServiceAccounts and mount and API and token)",
    "(Job and should and delete)",
    "(multiport and endpoints)",
    "(ConfigMap and binary and data)",
)
"""One or two of each suite, in pytest's words."""
REPORTS = TOP / "reports"
_SETTLE = 60.0
"""Seconds in which what a step left may still go away by itself."""


class StepError(Exception):
    """A step did not do what it should."""


class Steps:
    """The steps by name; what one finds out for those after it is kept here."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._before = HostState.now()
        self._run = ""

    def facts(self) -> None:
        """Which host this is: fails unless systemd runs it on cgroup v2 alone."""
        call("uname", "-a")
        call("systemctl", "--version")
        call("findmnt", "--types", "cgroup,cgroup2")
        kind = subprocess.run(
            ["stat", "--file-system", "--format=%T", "/sys/fs/cgroup"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if kind != "cgroup2fs" or not Path("/run/systemd/system").is_dir():
            raise StepError(f"/sys/fs/cgroup is {kind}, which is not what this boots for")

    def doctor(self) -> None:
        """Nothing is missing."""
        harness("doctor")

    def fabric(self) -> None:
        """The fabric's own tests that make machines, networks and disks."""
        call(sys.executable, "-m", "pytest", "tests/localazure/fabric", "-m", "root", "--durations", "8", "-q")

    def up(self) -> None:
        """A cluster of one control plane and one worker."""
        self._run = harness("up", "--source", self._source, "--workers", "1").splitlines()[-1]

    def test(self) -> None:
        """A few tests of each suite on it."""
        harness("test", "--run", self._need_run(), "--tests", "2", "--", "-k", " or ".join(SPECS))

    def down(self) -> None:
        """Everything the run made is gone."""
        harness("down", "--run", self._need_run())

    def nothing_left(self) -> None:
        """The host is as it was before the first step."""
        deadline = time.monotonic() + _SETTLE
        while left := self._before.differences(HostState.now()):
            if time.monotonic() > deadline:
                raise StepError("left: " + "; ".join(left))
            time.sleep(1)

    def _need_run(self) -> str:
        if not self._run:
            raise StepError("there is no cluster")
        return self._run


def call(*argv: str) -> str:
    """Run a command, show what it prints; its standard output."""
    print("$", *argv, flush=True)
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", cwd=TOP
    )
    lines = []
    with process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        raise StepError(f"{Path(argv[0]).name} {argv[1] if argv[1:] else ''} ended with exit code {process.returncode}")
    return "".join(lines).strip()


def harness(*arguments: str) -> str:
    """Run a command of the harness."""
    return call(str(TOP / ".venv/bin/harness"), *arguments)


def verdict(name: str, step: Callable[[], None]) -> dict[str, object]:
    """Run one step and say how it went."""
    print(f"\n=== {name}: {step.__doc__}", flush=True)
    began = time.monotonic()
    error = ""
    try:
        step()
    except (StepError, subprocess.SubprocessError, OSError) as caught:
        error = f"{caught}"
    seconds = round(time.monotonic() - began, 1)
    print(f"=== {name}: {'FAILED: ' + error if error else 'passed'}, {seconds} s", flush=True)
    return {"step": name, "passed": not error, "error": error, "seconds": seconds}


def main() -> int:
    folder, source, *names = sys.argv[1:]
    os.environ |= {"PYTHONUNBUFFERED": "1", "TERM": "dumb"}  # plain lines on the serial line, which is a terminal
    steps = Steps(source)
    results = [verdict(name, getattr(steps, name)) for name in names]
    Path(folder, "steps.json").write_text(json.dumps(results, indent=1) + "\n")
    if REPORTS.exists():
        shutil.copytree(
            REPORTS, Path(folder, "reports"), symlinks=True, dirs_exist_ok=True, ignore_dangling_symlinks=True
        )
    return 0 if all(result["passed"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
