"""started.json and finished.json, with the fields that Prow's viewers and TestGrid read (k8s.io/test-infra, metadata-artifacts.md)."""

from __future__ import annotations

import json
import platform

from harness import __version__, atomic
from harness.errors import Outcome
from harness.reporting.record import Report

_GOOD = (Outcome.PASSED, Outcome.FLAKY)


def write(report: Report) -> None:
    """Write both; finished.json only once the run is over."""
    started = {"timestamp": int(report.started), "node": platform.node(), "repos": {}, "metadata": _metadata(report)}
    atomic.write(report.folder / "started.json", _json(started))
    if report.running:
        return
    result = "SUCCESS" if report.outcome in _GOOD else "ABORTED" if report.outcome is Outcome.ABORTED else "FAILURE"
    counts = {str(outcome): str(number) for outcome, number in sorted(report.counts.items())}
    finished = {
        "timestamp": int(report.ended),
        "passed": result == "SUCCESS",
        "result": result,
        "metadata": _metadata(report) | {"outcome": str(report.outcome), "exit-code": str(report.exit_code)} | counts,
    }
    atomic.write(report.folder / "finished.json", _json(finished))


def _metadata(report: Report) -> dict[str, str]:
    """Flat and textual: TestGrid shows such values as column headers."""
    cells = {
        "kubernetes": sorted({cell.version for cell in report.cells}),
        "deployer": sorted({cell.cell.deployer for cell in report.cells}),
        "location": sorted({cell.cell.location for cell in report.cells}),
    }
    facts = {"run": report.run, "cloud": report.cloud, "owner": report.owner, "harness-version": __version__}
    return facts | {key: ",".join(values) for key, values in cells.items()}


def _json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"
