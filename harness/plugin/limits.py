"""How many tests of a suite, or of one of its labels, may run at the same time on one cluster; from ``suite.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Name = tuple[str, str]
"""Suite, and label or nothing."""


@dataclass(frozen=True)
class Limits:
    """Of all suites of a run."""

    suites: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[Name, int] = field(default_factory=dict)

    def of(self, suite: str, labels: Iterable[str]) -> list[tuple[Name, int]]:
        """The limits that a test of this suite with these labels counts towards."""
        found = [((suite, ""), self.suites[suite])] if self.suites.get(suite) else []
        return found + [
            ((suite, label), self.labels[suite, label]) for label in labels if (suite, label) in self.labels
        ]
