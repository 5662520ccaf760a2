"""What has to be remembered of a resource group that goes, by whoever deletes it next: once it is gone, nobody can ask what was its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Marks:
    """By what it is told that something outside a group belongs to it; to be read while the group is there."""

    group: str
    """Id."""
    tags: Mapping[str, str]
    principals: frozenset[str]
    """Of its identities."""


class Memory(Protocol):
    """Where it is kept; nothing in it raises. Groups are given by name."""

    def outliving(self, group: str) -> Sequence[str]:
        """Paths, with ``api-version``, of what was found to outlive the group and is not confirmed gone."""
        ...

    def remember(self, group: str, path: str) -> None:
        """Keep a path, durably if that is possible."""
        ...

    def marks(self, group: str) -> Marks | None:
        """Marks of a group that goes before what outlives it was found."""
        ...

    def remember_marks(self, group: str, marks: Marks) -> None:
        """Keep marks, durably if that is possible."""
        ...


class Forgetful:
    """Where nothing is kept, for groups of which no ledger tells."""

    def outliving(self, group: str) -> Sequence[str]:
        return ()

    def remember(self, group: str, path: str) -> None:
        return None

    def marks(self, group: str) -> Marks | None:
        return None

    def remember_marks(self, group: str, marks: Marks) -> None:
        return None
