"""The one outcome of a run: what its report says, and what only the processes that ran it know.

The report sees tests that were planned and left no result, resources that are left and phases that failed. It cannot see that a
signal cut the run off, or that pytest ended badly without a test to show for it: that is added here, once, and written into the ledger with
the end of the run, from where every later report has it.
"""

from __future__ import annotations

from harness.errors import Outcome
from harness.reporting.model import load
from harness.runs.folder import RunFolder
from harness.runs.state import worst

_PYTEST_INTERRUPTED, _PYTEST_INTERNAL, _PYTEST_USAGE = 2, 3, 4
_QUIET = (Outcome.PASSED, Outcome.SKIPPED, Outcome.FLAKY)


def verdict(folder: RunFolder, code: int, *, aborted: bool) -> Outcome:
    """What became of a run.

    :param code: exit code of pytest, negative if a signal ended it.
    :param aborted: a signal or the deadline cut the run off; it can then never count as passed.
    """
    reported = load(folder.path, publish=False).outcome
    seen = [reported, *([Outcome.ABORTED] if aborted else [])]
    unexplained = worst(seen) is Outcome.ABORTED and not aborted  # tests without a result, and nobody asked for an end
    if unexplained or worst(seen) in _QUIET:
        seen += _of_pytest(code)
    if code < 0 and not aborted:  # its tests may have had results, but something killed it
        seen.append(Outcome.HARNESS)
    return worst(seen)


def _of_pytest(code: int) -> list[Outcome]:
    """What pytest's own exit code adds when nothing else explains it."""
    if code < 0 or code == _PYTEST_INTERNAL:
        return [Outcome.HARNESS]
    if code in (_PYTEST_INTERRUPTED, _PYTEST_USAGE):
        return [Outcome.ABORTED]
    return [Outcome.FAILED] if code == 1 else []
