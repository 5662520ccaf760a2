"""Who gets the processor when a dozen machines want it, too.

Linux divides it among sessions first (sched(7), autogroup), where it is not turned off, and among the threads of each by their nice value.
Only root gets a high priority, or takes a low one back; whoever does not goes on without.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

LOW, NORMAL, HIGH = 19, 0, -10
"""Nice values."""


def set_priority(process: int, nice: int) -> None:
    """Of a process that is a session of its own: of the session, and of every thread, because on Linux each has its own."""
    set_session_priority(process, nice)
    for thread in Path(f"/proc/{process}/task").glob("*"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)


def set_session_priority(process: int, nice: int) -> None:
    """Of the session that this process belongs to."""
    with suppress(OSError):
        Path(f"/proc/{process}/autogroup").write_text(str(nice))
