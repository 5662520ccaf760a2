"""What ``testReport/api/json`` of a Jenkins build says, as a side of a comparison.

Only the ``tree`` parameter is used, never ``depth``: with the latter Jenkins sends every output of every test. A build of a pipeline says
nothing of versions: those are in the properties of our suites, which Jenkins keeps and exports if the ``junit`` step has ``keepProperties``
(junit-plugin since June 2023, ``SuiteResult.getProperties``). Without them the suites' names, ``<track>.<suite>``, tell of releases.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import Outcome, UsageError
from harness.jenkins.lifecycle import is_lifecycle, of_product
from harness.reporting.comparison.api import Side
from harness.reporting.history.api import CaseRecord, TrackRecord, identity
from harness.reporting.junit.api import OUTCOME
from harness.reporting.record import BAD
from harness.reporting.text import line

TREE = (
    "suites[name,properties,"
    "cases[className,name,status,skipped,skippedMessage,duration,age,errorDetails,properties,flakyFailures[message]]]"
)


def is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def load(path: Path) -> Side:
    """A saved answer; raises ``UsageError`` for a file that is none."""
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} is not a saved testReport: {error}", hint="save BUILD/testReport/api/json with curl"
        ) from error
    return side(raw, path.name, str(path))


def side(raw: Any, label: str, place: str, *, started: float = 0.0, result: str = "") -> Side:
    """What a testReport says.

    :param started: Unix time of its build.
    :param result: of the build, which can be worse than its tests: some may be missing.
    :raises UsageError: if it is none.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("suites"), list):
        raise UsageError(f"{place} is not a test report of Jenkins", hint="it must have 'suites'")
    cases: list[CaseRecord] = []
    tracks: dict[str, TrackRecord] = {}
    infrastructure = unproven = False
    for suite in raw["suites"]:
        track, _, name = str(suite.get("name", "")).rpartition(".")
        if track and track != "run":
            tracks[track] = _track(track, suite.get("properties") or {})
        found = [_case(case, track, name) for case in suite.get("cases") or ()]
        if is_lifecycle(name):
            bad = [of_product(name, case.name) for case in found if case.bad]
            infrastructure |= not all(bad)
            unproven |= any(bad)
        else:
            cases += found
    failed = unproven or any(case.bad for case in cases)
    outcome = Outcome.CLOUD if infrastructure else Outcome.FAILED if failed else Outcome.PASSED
    if result == "ABORTED":
        outcome = Outcome.ABORTED
    elif result == "FAILURE" and outcome is Outcome.PASSED:
        outcome = Outcome.CLOUD
    return Side(label, place, started, outcome if cases else Outcome.SKIPPED, tuple(tracks.values()), tuple(cases))


def _track(track: str, told: Mapping[str, str]) -> TrackRecord:
    """What the suite's own properties say of its cell; its name says the rest."""
    named = TrackRecord.named(track)
    return TrackRecord(
        track,
        told.get("version") or named.version,
        told.get("source", ""),
        told.get("deployer") or named.deployer,
        told.get("location") or named.location,
    )


def _case(raw: Mapping[str, Any], track: str, suite: str) -> CaseRecord:
    name = str(raw.get("name", ""))
    classname = str(raw.get("className", "")).removeprefix(f"{track}." if track else "")
    status = str(raw.get("status", ""))
    flaky = bool(raw.get("flakyFailures"))
    outcome = {"PASSED": Outcome.PASSED, "FIXED": Outcome.PASSED, "SKIPPED": Outcome.SKIPPED}.get(status)
    outcome = outcome or _failure(raw.get("properties") or {})
    reason = line(str(raw.get("skippedMessage") or ""))
    return CaseRecord(
        track=track,
        suite=suite,
        test=identity(name, classname),
        name=name,
        classname=classname,
        outcome=Outcome.FLAKY if flaky and outcome is Outcome.PASSED else outcome,
        seconds=float(raw.get("duration") or 0.0),
        message=reason or line(str(raw.get("errorDetails") or "")),
        age=int(raw.get("age") or 0) if outcome is Outcome.FAILED else 0,
    )


def _failure(told: Mapping[str, str]) -> Outcome:
    """Jenkins shows the type of no failure; one that is not the product's says so in a property."""
    try:
        outcome = Outcome(told.get(OUTCOME, Outcome.FAILED))
    except ValueError:
        return Outcome.FAILED
    return outcome if outcome in BAD else Outcome.FAILED
