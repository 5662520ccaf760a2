"""Commands that a build runs: one place for their limits, their death and their last words.

A child may not outlive the build: ``setpriv --pdeathsig`` ends it when this process is killed outright, so that nobody writes
into a folder that the next build is already clearing away.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from harness.errors import BuildError, HarnessError, UsageError

_TAIL = 40
"""Lines of a failed command's output that an error carries."""
_GRACE = 10.0
"""Seconds between asking a command to stop and killing it."""


def need(*programs: str, package: str) -> None:
    """Raise ``UsageError`` naming the Debian package unless every program is on PATH."""
    for program in programs:
        if shutil.which(program) is None:
            raise UsageError(f"find {program}", last_seen="it is not on PATH", hint=f"run: apt-get install {package}")


def run(
    argv: Sequence[str | Path],
    attempt: str,
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    error: type[HarnessError] = BuildError,
) -> str:
    """Run a command to its end and return its standard output.

    :param attempt: what it is for, in the infinitive ("compile kubelet").
    :param timeout: seconds; afterwards the whole process group is stopped and the error says so.
    :param env: variables on top of this process's own; None takes one away.
    :raises HarnessError: of class ``error``, with the last lines of both streams, if it fails, is missing or takes too long.
    """
    command = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)]
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={name: value for name, value in {**os.environ, **(env or {})}.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as caught:
        raise error(attempt, last_seen=str(caught), hint="run: apt-get install util-linux") from caught
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as caught:
        out, err = _stop(process)
        raise error(attempt, awaited=f"{argv[0]} to end, {timeout:.0f} s", log_tail=tail(out + err)) from caught
    except BaseException:
        _stop(process)
        raise
    if process.returncode != 0:
        lines = tail(out + err)
        last = lines.splitlines()[-1] if lines else ""
        raise error(attempt, last_seen=f"{argv[0]} ended with {process.returncode}: {last}", log_tail=lines)
    return out


def tail(text: str) -> str:
    """The last lines that are not empty."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-_TAIL:])


def _stop(process: subprocess.Popen[str]) -> tuple[str, str]:
    """End the process group, at first politely; return what it still said."""
    for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=patience)
    return "", ""
