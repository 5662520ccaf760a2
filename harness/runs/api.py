"""A run: its plan, its ledger, and the phases every cell goes through.

The ledger (``ledger.jsonl``) is append-only and fsynced, a JSON object a line, written *before* each create and after each
confirmed change; a torn last line is ignored. From it alone another process can finish, remove or report the run.

Fields of every line: ``v`` (1), ``at`` (Unix time, float), ``kind``, ``cell`` (empty for the run). Kinds:

===============  ==========================================================================================
``run``          ``state`` started|ended, ``run``, ``pid``, ``pid_started``, when started also
                 ``role``, ``host``, ``pid_namespace`` (and ``resumed``, if the run was cut
                 off before), ``outcome`` when ended; ``died`` if another process wrote the end, for one that was killed
``plan``         ``settings``, ``plan``, ``arguments``: the same as plan.json
``budget``       ``started``, ``tests_end``, ``end``: Unix times of the present session
``stopping``     ``signal`` (or ``deadline``), ``pid``: the run is being cut off, what has no result gets none
``phase``        ``phase`` plan|build|up|readiness|test|proof|leftovers|collect|down|leak-check|report, ``state``
                 started|passed|failed|skipped, ``outcome``, ``code``, ``seconds``, ``message``, ``log_tail`` when ended
``creating``     ``resource`` (kind), ``name``, and whatever is needed to delete it (``cloud``, ``location``)
``moved``        ``source`` and ``target`` (locations), ``group`` (the next attempt's), ``code``, ``outcome``, ``message`` of the
                 failure: the cell is tried again there
``outlives``     ``group``, ``path``: of the group but outside it, to be deleted with it, until the group is ``gone``; or ``id``, ``tags``
                 and ``principals`` (of the group's identities), by which it is found if the group goes before it was
``gone``         ``resource``, ``name``: confirmed deleted
``kept``         ``resource``, ``name``, ``until``: left on purpose by --keep
``cluster``      ``path`` of cluster.json: ready and held
``progress``     ``text``
===============  ==========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.runs.changes.picks import Pick


class Phase(StrEnum):
    """The steps of a cell, in order; each becomes a JUnit case."""

    PLAN = "plan"
    BUILD = "build"
    UP = "up"
    READINESS = "readiness"
    TEST = "test"
    PROOF = "proof"
    """Comparison of what ran with conformance.yaml."""
    LEFTOVERS = "leftovers"
    """What tests left in the cluster is listed."""
    COLLECT = "collect"
    DOWN = "down"
    LEAK_CHECK = "leak-check"
    REPORT = "report"


ENDING = (Phase.COLLECT, Phase.DOWN, Phase.LEAK_CHECK)
"""What a cell goes through from its last test to the proof that it is gone."""


class Keep(StrEnum):
    """Whether a cluster survives its run."""

    NEVER = "never"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"


@dataclass(frozen=True)
class Cell:
    """One source x deployer x location."""

    name: str
    """``<version>-<deployer>-<location>``: ``v1.37.2-kubeadm-westeurope``; safe as a file name."""
    source: str
    """By what cannot move while the run goes on: ``ci:v1.38.0-alpha.1.42+0123456789abcd``."""
    deployer: str
    location: str
    replica_of: str = ""
    """Name of the cell that this is a further cluster of, if it is one: its results are that cell's."""
    suites: tuple[str, ...] = ()
    """The only suites that run on it, if a matrix says so; all of the plan's, if none are named."""
    owner: str = ""
    """Whose it is, if a matrix says so; else the run's."""
    asked: str = ""
    """The source as it was written, ``ci:latest``: what its history goes by. Plans of older runs lack it."""


@dataclass(frozen=True)
class Plan:
    """What a run will do; ``plan.json``."""

    run: str
    """``20261123-223010-a1b2``: UTC time and four random hex digits."""
    cloud: str
    cells: tuple[Cell, ...]
    suites: tuple[str, ...]
    owner: str
    expires: float
    """Unix time after which ``sweep`` may delete what the run made, if no session of the run lasts longer."""
    picks: tuple[Pick, ...] = ()
    """How the suites are narrowed to what a change may break; none for a run that is not."""

    @property
    def primary(self) -> tuple[Cell, ...]:
        """The cells that tests are about, further clusters of theirs left out."""
        return tuple(cell for cell in self.cells if not cell.replica_of)

    def clusters(self, cell: str) -> tuple[str, ...]:
        """Names under which the clusters of this cell are brought up, its own first."""
        return tuple(item.name for item in self.cells if cell in (item.name, item.replica_of))
