"""A recorder for deployers that nobody watches: what is measured is in the timings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Quiet:
    """Takes everything, and says nothing."""

    def creating(self, kind: str, name: str, **facts: Any) -> None: ...

    def progress(self, text: str) -> None: ...

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        yield
