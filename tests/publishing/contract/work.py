"""What the jobs of the contract server do, as plans: what is logged when, how it ends, and which tests it reports."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.reporting.jenkins.view import test_report, view


@dataclass(frozen=True)
class Parameter:
    """A parameter that a job declares; of a file, what is stashed never shows in the API."""

    name: str
    kind: str = "String"
    default: str = ""


@dataclass(frozen=True)
class Work:
    """What one build does."""

    seconds: float
    lines: tuple[tuple[float, str], ...]
    """Seconds since the build's start, and what is logged then."""
    result: str
    report: Mapping[str, Any] | None = None
    display_name: str = ""
    description: str = ""


Doing = Callable[[Mapping[str, str], Path, int], Work]
"""Parameters, the folder with stashed files, and how many builds of the same RUN_ID there were before."""


@dataclass(frozen=True)
class Job:
    """A Pipeline job."""

    name: str
    parameters: Sequence[Parameter]
    work: Doing
    concurrent: bool = True


def ingest(parameters: Mapping[str, str], folder: Path, before: int) -> Work:
    """Unpack what was sent, and run ``junit`` on it, as jenkins/Jenkinsfile.ingest does."""
    workspace = folder / "workspace" / "reports" / parameters["RUN_ID"]
    try:
        with zipfile.ZipFile(folder / "ARCHIVE") as archive:
            archive.extractall(workspace)
    except (OSError, zipfile.BadZipFile) as error:
        return _ingested("FAILURE", f"unzip: {error}")
    files = sorted((workspace / "artifacts").glob("junit_*.xml"))
    if not files:
        return _ingested("FAILURE", "No test report files were found. Configuration error?")
    shown = view(files)
    result = "UNSTABLE" if shown.count("FAILED") else "SUCCESS"
    name, description = parameters["DISPLAY_NAME"] or parameters["RUN_ID"], parameters["DESCRIPTION"]
    told = _ingested(result, "Recording test results")
    return replace(told, report=test_report(shown), display_name=name, description=description)


def _ingested(result: str, said: str) -> Work:
    return Work(0.06, ((0.0, "[Pipeline] unstash"), (0.02, said), (0.05, f"Finished: {result}")), result)


def scripted(parameters: Mapping[str, str], folder: Path, before: int) -> Work:
    """Log some lines, and end as the parameters say: the nth build of a RUN_ID as the nth of RESULT."""
    seconds, number = float(parameters["SECONDS"]), int(parameters["LINES"])
    results = parameters["RESULT"].split(",")
    result = results[min(before, len(results) - 1)]
    lines = [(seconds * index / (number + 1), f"line {index} — grüße ☃") for index in range(number)]
    lines.append((seconds * 0.99, f"Finished: {result}"))
    return Work(seconds, tuple(lines), result, _report(parameters["TESTS"]) if parameters["TESTS"] else None)


def _report(red: str) -> dict[str, Any]:
    """Two tests and the life of their cell; ``red`` names the cases that failed, as ``suite.case`` of a cell."""
    suites = []
    for suite, cases in (("conformance", ("pods", "jobs")), ("lifecycle", ("up", "proof", "down"))):
        name = f"v1_37_2-kubeadm-westeurope.{suite}"
        told = [
            {
                "className": name,
                "name": case,
                "status": "REGRESSION" if f"{suite}.{case}" in red else "PASSED",
                "duration": 1.0,
                "skipped": False,
                "errorDetails": None,
                "errorStackTrace": None,
                "age": int(f"{suite}.{case}" in red),
                "failedSince": 0,
            }
            for case in cases
        ]
        suites.append({"name": name, "cases": told})
    failed = sum(case["status"] == "REGRESSION" for suite in suites for case in suite["cases"])
    return {"failCount": failed, "passCount": 5 - failed, "skipCount": 0, "suites": suites}


def plain(parameters: Mapping[str, str], folder: Path, before: int) -> Work:
    """A job without parameters."""
    return Work(0.02, ((0.0, "hello"), (0.01, "Finished: SUCCESS")), "SUCCESS")


_INGEST = (
    *(Parameter("RUN_ID"), Parameter("DISPLAY_NAME"), Parameter("DESCRIPTION")),
    Parameter("ARCHIVE", "StashedFile"),
)
_SCRIPTED = (
    *(Parameter("RUN_ID"), Parameter("SECONDS", default="0.05"), Parameter("LINES", default="3")),
    *(Parameter("RESULT", default="SUCCESS"), Parameter("TESTS"), Parameter("TOKEN", "Password")),
)
JOBS = {
    job.name: job
    for job in (
        Job("kubernetes-azure-ingest", _INGEST, ingest, concurrent=False),
        Job("nightly", _SCRIPTED, scripted),
        Job("plain", (), plain),
        Job("team/nightly", _SCRIPTED, scripted),
    )
}
