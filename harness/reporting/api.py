"""The result log: the only source of every report, and the shape of its lines.

Two files in a run's folder hold everything: ``ledger.jsonl`` (written by ``harness.runs``: phases, resources, lifecycle) and
``results.jsonl`` (written by the plugin's controller: one line per finished test, the moment it is finished). JUnit, HTML, the
console summary and history are projections of them and can be made again at any time by ``harness report RUN``.

Folder of a run (Prow's layout)::

    started.json finished.json build-log.txt
    plan.json               settings, cells, suites
    ledger.jsonl            see harness.runs.ledger
    results.jsonl           see :class:`TestResult`
    planned.json            node ids that were to run, so that what never ran is shown as such
    index.html summary.md
    artifacts/junit_<cell>_<suite>.xml, artifacts/junit_lifecycle_<cell>.xml
    cells/<cell>/           cluster.json, kubeconfig, template.json, logs/
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.errors import Outcome


@dataclass(frozen=True)
class ResultStep:
    """A step inside a test, for its timeline."""

    text: str
    at: float
    """Seconds since the test began."""


@dataclass(frozen=True)
class TestResult:
    """One line of ``results.jsonl``: one finished test, written as JSON with these field names."""

    __test__ = False  # pytest must not collect this class

    nodeid: str
    suite: str
    """Folder under suites/: ``conformance``."""
    cell: str
    """Empty for tests that need no cluster."""
    name: str
    """Shown to people and Jenkins; constant over builds; no cell in it."""
    classname: str
    """``<suite>.<area>``: ``conformance.sig-apps``, ``loadbalancer.test_tcp``."""
    outcome: Outcome
    seconds: float
    """Of the test itself, fixtures left out."""
    started: float
    """Unix time."""
    worker: str = ""
    """xdist worker, or ``main``."""
    message: str = ""
    """First line of the failure, or the reason of the skip."""
    details: str = ""
    """Full failure text."""
    stdout: str = ""
    log: str = ""
    steps: tuple[ResultStep, ...] = ()
    labels: tuple[str, ...] = ()
    serial: bool = False
    properties: dict[str, str] = field(default_factory=dict)
    overhead: float = 0.0
    """Seconds of this item beyond its own time (lease, protocol, fixtures)."""
    earlier: tuple[TestResult, ...] = ()
    """Failed attempts before this one, each a line of its own in the file; filled in by ``results.folded``."""
