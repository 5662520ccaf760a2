"""A child that is killed between two lines of what it does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any


def in_a_child(action: Callable[[], object], steps: Sequence[Path], line: int = 0) -> tuple[int, int]:
    """Do it in a child, which is killed as soon as it has come to this many different lines of these files: (signal, lines)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        names, seen = frozenset(map(str, steps)), set[tuple[str, int]]()

        def trace(frame: FrameType, event: str, _: object) -> Any:
            place = (frame.f_code.co_filename, frame.f_lineno)
            if place[0] not in names:
                return None
            if event == "line" and place not in seen:
                seen.add(place)
                if len(seen) == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        try:
            action()
        finally:
            sys.settrace(None)
            os.write(writer, str(len(seen)).encode())
            os._exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as said:
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, int(said.read() or "0")
