"""What tests left in the clusters, after the last of them and before teardown: a file, a phase, and a line for whoever watches."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from pathlib import Path

from harness.clouds.api import Cloud
from harness.clusters.api import Cluster
from harness.clusters.failures.namespaces import basenames, named
from harness.clusters.leftovers.api import Baseline, Leftover, Leftovers
from harness.clusters.leftovers.attribution import Ran, attributed
from harness.errors import HarnessError, Outcome
from harness.plugin.failing import CLUSTER, NAMESPACE
from harness.reporting.api import TestResult
from harness.reporting.results import parse
from harness.runs.api import Phase
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.phases import record_skip, recorded
from harness.runs.state import RunState

_SHOWN = 5


class LeftBehindError(HarnessError):
    """Tests left something, and that was to fail the run."""

    outcome = Outcome.FAILED


def check(
    folder: RunFolder, cloud: Cloud, *, aborted: bool, fail: bool, clusters: Collection[str] | None = None
) -> None:
    """Look at every cluster that is up; never raises, what goes wrong is in the phase.

    :param aborted: tests were cut off, and what they left is no fault of theirs.
    :param fail: whether leftovers fail the run.
    :param clusters: only at these.
    """
    ledger = Ledger(folder.ledger)
    for cell, path in RunState.of(ledger.read()).clusters.items():
        if not folder.cell(cell).baseline.exists() or (clusters is not None and cell not in clusters):
            continue
        if aborted:
            record_skip(ledger, cell, Phase.LEFTOVERS, "tests were cut off")
            continue
        try:
            with recorded(ledger, cell, Phase.LEFTOVERS):
                _check(folder, cloud, cell, path, ledger, fail)
        except Exception:  # noqa: S112 - recorded; the teardown that follows matters more
            continue


def _check(folder: RunFolder, cloud: Cloud, cell: str, path: Path, ledger: Ledger, fail: bool) -> None:
    from harness.clusters.leftovers.compare import left, look

    baseline = Baseline.load(folder.cell(cell).baseline)
    found = look(cloud, Cluster.load(path))
    now = time.time()
    tests = list(_tests(folder.results, cell))
    things = tuple(attributed(thing, tests, now) for thing in left(found, baseline, now))
    Leftovers(now, things, found.problems).save(folder.cell(cell).leftovers)
    if not things:
        return
    text = f"tests left {len(things)} behind: {_list(things)}"
    ledger.append("progress", cell, text=text)
    if fail:
        lines = "\n".join(f"{item.title}  {', '.join(item.tests) or item.why}" for item in things)
        raise LeftBehindError(text, hint="see the report for whose they are", log_tail=lines)


def _list(things: tuple[Leftover, ...]) -> str:
    more = len(things) - _SHOWN
    return ", ".join(item.title for item in things[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _tests(path: Path, cluster: str) -> Iterator[Ran]:
    """What ran on this cluster."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        result = parse(line)
        if result is not None and result.started and result.properties.get(CLUSTER, result.cell) == cluster:
            yield _ran(result)


def _ran(result: TestResult) -> Ran:
    steps = [step.text for step in result.steps]
    own = result.properties.get(NAMESPACE)
    return Ran(
        nodeid=result.nodeid,
        started=result.started,
        ended=result.started + result.seconds + result.overhead,
        namespaces=frozenset(named(steps)) | ({own} if own else frozenset()),
        basenames=basenames(steps),
    )
