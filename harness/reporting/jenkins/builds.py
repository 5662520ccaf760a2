"""Builds of Jenkins as sides of a comparison: from ``testReport/api/json``, by address or from a saved file.

Only the ``tree`` parameter is used, never ``depth``: with the latter Jenkins sends every output of every test. A build of a pipeline says
nothing of versions, so they are taken from the suites' names, ``<track>.<suite>``, see :mod:`harness.reporting.junit.names`.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.errors import HarnessError, Outcome, UsageError
from harness.reporting.comparison.api import Side
from harness.reporting.history.api import CaseRecord, TrackRecord, identity
from harness.reporting.text import line

TREE = (
    "suites[name,cases[className,name,status,skipped,skippedMessage,duration,age,errorDetails,flakyFailures[message]]]"
)
PERMALINKS = ("lastBuild", "lastCompletedBuild", "lastStableBuild", "lastSuccessfulBuild", "lastUnstableBuild")
_SECONDS = 60.0
_LIFECYCLE = "lifecycle"
_TRACK = re.compile(r"(?P<version>.+)-(?P<deployer>[A-Za-z_]+)-(?P<location>[a-z0-9]+)")


def is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def fetch(address: str, environ: Mapping[str, str]) -> Side:
    """A build by its address; of a job, its last stable build, which is the last green one.

    :param environ: JENKINS_USER_ID and JENKINS_API_TOKEN, as Jenkins' own command line reads them, if it wants to know who asks.
    :raises UsageError: for an address that Jenkins does not know or does not let us read.
    :raises HarnessError: when it cannot be reached, or answers something else.
    """
    base = address.split("?", 1)[0].rstrip("/").removesuffix("/testReport")
    last = base.rpartition("/")[2]
    if not last.isdigit() and last not in PERMALINKS:
        base += "/lastStableBuild"
    raw = _get(f"{base}/testReport/api/json?tree={TREE}", environ)
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
    infrastructure = False
    for suite in raw["suites"]:
        track, _, name = str(suite.get("name", "")).rpartition(".")
        if track and track != "run":
            tracks[track] = _track(track)
        found = [_case(case, track, name) for case in suite.get("cases") or ()]
        if name == _LIFECYCLE:  # a cell's life, not tests of the product
            infrastructure |= any(case.bad for case in found)
        else:
            cases += found
    outcome = Outcome.CLOUD if infrastructure else Outcome.FAILED if any(case.bad for case in cases) else Outcome.PASSED
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


def _track(track: str) -> TrackRecord:
    match = _TRACK.fullmatch(track)
    if match is None:
        return TrackRecord(track, "", "", "", "")
    exact = match["version"].startswith("v1_")
    version = match["version"].replace("_", ".") if exact else ""
    return TrackRecord(track, version, "", match["deployer"], match["location"])


def _get(address: str, environ: Mapping[str, str]) -> Any:
    if urlsplit(address).hostname is None:
        raise UsageError(
            f"{address} is not an address", hint="write it in full: https://ci.example.org/job/nightly/42/"
        )
    request = urllib.request.Request(address, headers={"Accept": "application/json"})  # noqa: S310 - see is_address
    user, token = environ.get("JENKINS_USER_ID", ""), environ.get("JENKINS_API_TOKEN", "")
    if user and token:
        secret = base64.b64encode(f"{user}:{token}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - http and https only
            return json.load(answer)
    except urllib.error.HTTPError as error:
        hints: Iterable[tuple[tuple[int, ...], str]] = (
            ((401, 403), "set JENKINS_USER_ID and JENKINS_API_TOKEN"),
            ((404,), "does the build exist, and has it test results?"),
        )
        hint = next((text for codes, text in hints if error.code in codes), "")
        kind = UsageError if hint else HarnessError
        raise kind(f"read {address}", last_seen=f"HTTP {error.code}", hint=hint) from error
    except (OSError, ValueError) as error:
        raise HarnessError(f"read {address}", last_seen=str(error), hint="is Jenkins reachable from here?") from error
