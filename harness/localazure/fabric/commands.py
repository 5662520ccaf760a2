"""Programs of the host (ip, nft, mount, losetup, ...) as values: argv in, output out, never a shell string, never without a limit."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence

from harness.errors import CloudError

LIMIT = 60.0
"""Seconds a program of the host may take; all of them answer in milliseconds on an idle host, in seconds on an emulated one."""


def run(argv: Sequence[str], *, stdin: str = "", timeout: float = LIMIT, cwd: str | None = None) -> str:
    """Run a program and return its standard output.

    :param stdin: text given to it, e.g. a batch of ``ip`` or a script of ``nft``.
    :param timeout: seconds.
    :raises CloudError: it is missing, took too long or exited with another code than 0.
    """
    code, output, errors = attempt(argv, stdin=stdin, timeout=timeout, cwd=cwd)
    if code:
        raise CloudError(
            f"run {shlex.join(argv)}",
            code="FabricFailure",
            awaited="exit code 0",
            last_seen=f"exit code {code}: {errors.strip() or output.strip()}",
            hint="`harness doctor` says what this host lacks",
            log_tail=stdin[-2000:],
        )
    return output


def attempt(
    argv: Sequence[str], *, stdin: str = "", timeout: float = LIMIT, cwd: str | None = None
) -> tuple[int, str, str]:
    """Run a program whose failure means something to the caller: exit code, standard output, standard error.

    :raises CloudError: it is missing or took too long.
    """
    try:
        done = subprocess.run(
            list(argv), input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout, cwd=cwd
        )
    except FileNotFoundError as error:
        raise CloudError(
            f"run {argv[0]}", code="FabricFailure", last_seen=str(error), hint="`harness doctor` says how to install it"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CloudError(
            f"run {shlex.join(argv)}",
            code="FabricFailure",
            awaited=f"its end, {timeout:g} s",
            last_seen="still running; killed",
        ) from error
    return done.returncode, done.stdout, done.stderr
