"""First code of the supervised process: if the supervisor is killed, this process is told, and finishes the run itself.

``python -m harness.cli.child PARENT ARGUMENTS...`` becomes ``python ARGUMENTS...``. prctl(2): PR_SET_PDEATHSIG survives the exec, and
is only needed from there on, which is why this is not done by code that runs between fork and exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    parent, arguments = int(argv[0]), argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # killed before we could ask
        sys.exit("the supervisor is gone")
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - an argv list, and our own interpreter


if __name__ == "__main__":
    main(sys.argv[1:])
