"""Things that may be left, and the two files about them.

``cells/<cell>/baseline.json``   what was there when the cluster became ready (:class:`Baseline`)
``cells/<cell>/leftovers.json``  what is there beyond that after the tests (:class:`Leftovers`)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

OWN = "kubernetes-azure-harness"
OWN_LABELS = {"app.kubernetes.io/managed-by": OWN}
"""Labels of namespaces that the harness and its suites make; upstream's specs have theirs."""


@dataclass(frozen=True)
class Thing:
    """An object of the API server, or something in the resource group."""

    kind: str
    """``ClusterRole``, or ARM's type without its provider: ``loadBalancers/loadBalancingRules``."""
    name: str
    """With the names of what it is part of before it: ``kubernetes/a1b2-TCP-80``."""
    namespace: str = ""
    """That it is in; of a cloud resource, that of the object it was made for, where its tags tell."""
    created: float = 0.0
    """Unix time, 0 if unknown."""
    deleting: float = 0.0
    """Unix time at which its deletion was asked for, 0 if it was not."""
    cloud: bool = False
    uid: str = ""
    words: tuple[str, ...] = ()
    """Values of its labels and tags: they may say whose it is."""
    path: str = ""
    """Of an object of the API server: where it is read and deleted."""

    @property
    def key(self) -> str:
        """The same for the same thing, without case: ARM does not keep it."""
        place = "" if self.cloud else self.namespace
        return f"{'cloud ' if self.cloud else ''}{self.kind}/{place}/{self.name}".lower()


@dataclass(frozen=True)
class Found:
    """What a look at cluster and cloud found."""

    things: tuple[Thing, ...]
    problems: tuple[str, ...] = ()
    """Kinds that could not be listed, a sentence each."""


@dataclass(frozen=True)
class Baseline:
    """Keys of what was there."""

    keys: frozenset[str]
    problems: tuple[str, ...] = ()

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"keys": sorted(self.keys), "problems": self.problems}, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Read what :meth:`save` wrote; raises ``OSError``, ``ValueError`` or ``KeyError``."""
        raw = json.loads(path.read_text())
        return cls(frozenset(raw["keys"]), tuple(raw["problems"]))


@dataclass(frozen=True)
class Leftover:
    """One thing that is left, and whose it is."""

    kind: str
    name: str
    namespace: str
    created: float
    cloud: bool
    note: str
    """What else is known: that its deletion does not end."""
    tests: tuple[str, ...] = ()
    """Node ids of the test it is of, or of the few it may be of."""
    why: str = ""
    """How that is known, or why it is not."""

    @property
    def title(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace and not self.cloud else ''}{self.name}"


@dataclass(frozen=True)
class Leftovers:
    """``leftovers.json``."""

    at: float
    things: Sequence[Leftover] = ()
    problems: Sequence[str] = field(default=())

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Leftovers:
        """Read what :meth:`save` wrote; raises ``OSError``, ``ValueError``, ``KeyError`` or ``TypeError``."""
        raw = json.loads(path.read_text())
        things = tuple(Leftover(**{**item, "tests": tuple(item["tests"])}) for item in raw["things"])
        return cls(raw["at"], things, tuple(raw["problems"]))
