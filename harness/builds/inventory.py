"""inventory.json: every spec that e2e.test offers, in the order in which a process with the same seed and filter counts them.

The dry run's report is 5 MB of JSON; what the harness needs of it is one line a spec. The report does
not say whether a spec is serial (ginkgo v2 leaves the field out), but Kubernetes' own decorator adds label and property together
(test/e2e/framework/ginkgowrapper.go).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from harness.builds.api import Progress
from harness.builds.command import run
from harness.errors import BuildError

SEED = 1
FILTER = "Conformance || !Conformance"
"""Always true: without a filter e2e.test leaves Flaky and Feature specs out. Both constants equal those of harness.ginkgo.api."""
_LIMIT = 120.0
"""Seconds for the dry run; 3 are usual."""


def write_inventory(program: Path, version: str, target: Path, progress: Progress) -> int:
    """Ask e2e.test for its specs; returns their number. Uses ``target``'s folder for the report in between."""
    progress("listing the specs of e2e.test")
    report = target.with_suffix(".report")
    run(
        [
            program,
            "--ginkgo.dry-run",
            f"--ginkgo.seed={SEED}",
            f"--ginkgo.label-filter={FILTER}",
            f"--ginkgo.json-report={report}",
        ],
        "list the specs of e2e.test",
        cwd=target.parent,
        timeout=_LIMIT,
    )
    specs = reduce(json.loads(report.read_text()))
    report.unlink()
    if not specs:
        raise BuildError("list the specs of e2e.test", last_seen="its report has none")
    document = {"version": version, "seed": SEED, "filter": FILTER, "specs": specs}
    target.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    return len(specs)


def reduce(report: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The specs of a ginkgo JSON report, in report order."""
    return [_spec(entry) for suite in report for entry in suite["SpecReports"] or [] if entry["LeafNodeType"] == "It"]


def _spec(entry: dict[str, Any]) -> dict[str, Any]:
    containers = entry.get("ContainerHierarchyLabels") or []
    labels = sorted({label for part in [*containers, entry.get("LeafNodeLabels")] for label in part or []})
    location = entry["LeafNodeLocation"]
    return {
        "text": " ".join([*(entry.get("ContainerHierarchyTexts") or []), *filter(None, [entry["LeafNodeText"]])]),
        "labels": labels,
        "location": f"{_relative(location['FileName'])}:{location['LineNumber']}",
        "serial": bool(entry.get("IsSerial", "Serial" in labels)),
        "ordered": bool(entry.get("IsInOrderedContainer", False)),
        "state": entry["State"],
    }


def _relative(name: str) -> str:
    """``test/e2e/...`` of a file name that ``-trimpath`` made ``k8s.io/kubernetes@v1.37.2/test/e2e/...``."""
    return re.sub(r"^.*?k8s\.io/kubernetes(@[^/]+)?/", "", name)
