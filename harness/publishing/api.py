"""The contract: what is published, and who takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Tell = Callable[[str], None]
"""Takes a line about what is going on."""


@dataclass(frozen=True)
class Publication:
    """A run, as it is made known."""

    run: str
    """Its id: whoever has published it once never does again."""
    folder: Path
    display_name: str
    """One line, for lists of builds."""
    description: str
    """Plain text, one line: the badge, the verdict, and on what."""
    badge: str
    """A sign and a word."""


@dataclass(frozen=True)
class Published:
    """Where it can be seen."""

    where: str
    """An address, or a folder."""
    already: bool
    """It was there before, and nothing was changed."""


class Publisher(Protocol):
    """A place that takes runs."""

    def publish(self, publication: Publication, tell: Tell) -> Published:
        """Publish, or find it published; may be called again after it was cut off at any point.

        :raises HarnessError: if it is not to be had; calling again goes on from there.
        """
        ...
