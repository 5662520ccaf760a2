"""Between a child and its log: copies what it prints and blanks out secrets, so that build-log.txt can be archived as it is.

A process of its own (:func:`harness.runs.log.masked_log`), fed through a pipe: it goes on until the last process that writes has
ended, also when the supervisor was killed, because a child that finishes the run by itself must not find its output closed.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from harness.runs.secrets import run_secrets

_CHUNK = 65_536
_LONGEST = 262_144
"""Bytes held back at most while a line, or a private key, has not ended."""
_BEGIN, _END = b"-----BEGIN ", b"-----END "


def masked(source: BinaryIO, mask: Callable[[str], str]) -> Iterator[bytes]:
    """What can be read, as it comes, in whole lines; a PEM block is never split, or only its first half would be known."""

    def clean(data: bytes) -> bytes:
        return mask(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")

    held = b""
    while data := source.read(_CHUNK):
        held += data
        ready = _unended(held) if len(held) > _LONGEST else _ready(held)
        if ready:
            yield clean(held[:ready])
            held = held[ready:]
    if held:
        yield clean(held)


def _ready(held: bytes) -> int:
    """How much of it may go: to the last line's end, and not beyond the begin of a key that has no end yet."""
    end = held.rfind(b"\n") + 1
    begin = held.rfind(_BEGIN, 0, end)
    if begin >= 0 and held.find(_END, begin, end) < 0:
        return held.rfind(b"\n", 0, begin) + 1
    return end


def _unended(held: bytes) -> int:
    """How much of what has become too long may go: to its last space, since no secret that is known by value has one."""
    return held.rfind(b" ") + 1 or len(held)


def main(path: Path) -> None:
    """Copy standard input to the end of this file of a run; signals are for the child, whose last words are wanted."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    full = False
    with path.open("ab", buffering=0) as log, open(0, "rb", buffering=0) as source:
        for data in masked(source, run_secrets(path.parent).mask):
            try:
                log.write(data)
            except OSError as error:  # read on: who prints must not die of a full disk before it has cleaned up
                if not full:
                    print(f"harness: {path} is not whole: {error.strerror}", file=sys.stderr, flush=True)
                full = True


if __name__ == "__main__":
    main(Path(sys.argv[1]))
