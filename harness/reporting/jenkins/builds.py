"""Builds of Jenkins as sides of a comparison: from ``testReport/api/json``, by address or from a saved file.

Only the ``tree`` parameter is used, never ``depth``: with the latter Jenkins sends every output of every test. A build of a pipeline says
nothing of versions, so they are taken from the suites' names, ``<track>.<suite>``, see :mod:`harness.reporting.junit.names`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.errors import Outcome, UsageError
from harness.jenkins.lifecycle import is_lifecycle, of_product
from harness.reporting.comparison.api import Side
from harness.reporting.history.api import CaseRecord, TrackRecord, identity
from harness.reporting.text import line

TREE = (
    "suites[name,cases[className,name,status,skipped,skippedMessage,duration,age,errorDetails,flakyFailures[message]]]"
)
PERMALINKS = ("lastBuild", "lastCompletedBuild", "lastStableBuild", "lastSuccessfulBuild", "lastUnstableBuild")


def is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def fetch(address: str, environ: Mapping[str, str]) -> Side:
    """A build by its address; of a job, its last stable build, which is the last green one.

    :param environ: JENKINS_USER_ID and JENKINS_API_TOKEN, as Jenkins' own command line reads them, if it wants to know who asks.
    :raises UsageError: for an address that Jenkins does not know.
    :raises JenkinsError: when it cannot be reached, does not let us read, or answers something else; see :mod:`harness.jenkins.errors`.
    """
    base = address.split("?", 1)[0].rstrip("/").removesuffix("/testReport")
    last = base.rpartition("/")[2]
    if not last.isdigit() and last not in PERMALINKS:
        base += "/lastStableBuild"
    raw = _get(base, environ)
    return side(raw, base.partition("/job/")[2].replace("/job/", "/") or base, base + "/")


def load(path: Path) -> Side:
    """A saved answer; raises ``UsageError`` for a file that is none."""
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} is not a saved testReport: {error}", hint="save BUILD/testReport/api/json with curl"
        ) from error
    return side(raw, path.name, str(path))


def side(raw: Any, label: str, place: str) -> Side:
    """What a testReport says.

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
            tracks[track] = TrackRecord.named(track)
        found = [_case(case, track, name) for case in suite.get("cases") or ()]
        if is_lifecycle(name):
            bad = [of_product(name, case.name) for case in found if case.bad]
            infrastructure |= not all(bad)
            unproven |= any(bad)
        else:
            cases += found
    failed = unproven or any(case.bad for case in cases)
    outcome = Outcome.CLOUD if infrastructure else Outcome.FAILED if failed else Outcome.PASSED
    return Side(label, place, 0.0, outcome if cases else Outcome.SKIPPED, tuple(tracks.values()), tuple(cases))


def _case(raw: Mapping[str, Any], track: str, suite: str) -> CaseRecord:
    name = str(raw.get("name", ""))
    classname = str(raw.get("className", "")).removeprefix(f"{track}." if track else "")
    status = str(raw.get("status", ""))
    flaky = bool(raw.get("flakyFailures"))
    outcome = {"PASSED": Outcome.PASSED, "FIXED": Outcome.PASSED, "SKIPPED": Outcome.SKIPPED}.get(
        status, Outcome.FAILED
    )
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


def _get(build: str, environ: Mapping[str, str]) -> Any:
    """The test report of a build, by its address."""
    from harness.jenkins.connection import (
        Connection,
        Credentials,
    )  # needs python-jenkins, and most comparisons need no Jenkins
    from harness.jenkins.errors import MissingError

    server, found, path = build.partition("/job/")
    if urlsplit(build).hostname is None or not found:
        raise UsageError(
            f"{build} is not the address of a job or build",
            hint="write it in full: https://ci.example.org/job/nightly/42/",
        )
    with closing(Connection(f"{server}/", Credentials.of(environ))) as connection:
        try:
            return connection.json(f"job/{path}/testReport/", tree=TREE)
        except MissingError as error:
            hint = error.hint or "does the build exist, and has it test results?"
            raise UsageError(error.attempted, last_seen=error.last_seen, hint=hint) from error
