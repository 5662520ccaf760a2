"""A build of a job by its address, and the builds before it: base and past of a comparison.

Only a bounded number of builds is read, each by one request whose ``tree`` leaves out every output: twenty builds of two thousand tests
are some ten megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from harness.errors import UsageError
from harness.jenkins.address import JobAddress, job_address
from harness.jenkins.errors import MissingError
from harness.reporting.comparison.api import Side
from harness.reporting.jenkins.builds import TREE, side

if TYPE_CHECKING:
    from harness.jenkins.connection import Connection

STABLE = "lastStableBuild"
PERMALINKS = (STABLE, "lastBuild", "lastCompletedBuild", "lastSuccessfulBuild", "lastUnstableBuild")
LAST_GREEN = "last-green"
LISTED = 100
"""Newest builds among which earlier ones are looked for: more than most jobs keep."""
READ = 20
"""Builds whose tests are read as the past."""
_BUILD = "number,timestamp,result,building"


@dataclass(frozen=True)
class TestedBuild:
    """A build that has test results."""

    job: JobAddress
    number: int
    stable: bool
    """Jenkins calls it so: over, with nothing wrong."""
    side: Side


def fetch(address: str, environ: Mapping[str, str]) -> TestedBuild:
    """A build by its address; of a job, its last stable build, which is the last green one.

    :param environ: JENKINS_USER_ID and JENKINS_API_TOKEN, as Jenkins' own command line reads them, if it wants to know who asks.
    :raises UsageError: for an address that Jenkins does not know.
    :raises JenkinsError: when it cannot be reached, does not let us read, or answers something else; see :mod:`harness.jenkins.errors`.
    """
    job, which = _parsed(address)
    with closing(_connection(job, environ)) as connection:
        try:
            return _read(connection, job, connection.json(job.path(f"{which}/"), tree=_BUILD))
        except MissingError as error:
            hint = error.hint or "does the build exist, and has it test results?"
            raise UsageError(error.attempted, last_seen=error.last_seen, hint=hint) from error


def earlier(build: TestedBuild, environ: Mapping[str, str]) -> tuple[TestedBuild, ...]:
    """Builds before this one that have test results, newest first; and the last stable one, should it be older than those.

    :raises JenkinsError: as :func:`fetch`.
    """
    found: list[TestedBuild] = []
    with closing(_connection(build.job, environ)) as connection:
        listed = connection.json(build.job.path(""), tree=f"allBuilds[{_BUILD}]{{0,{LISTED}}}").get("allBuilds", ())
        for raw in listed:
            if int(raw["number"]) >= build.number or raw.get("building"):
                continue
            if len(found) < READ:
                found += _if_tested(connection, build.job, raw)
            elif any(item.stable for item in found):
                break
            elif raw.get("result") == "SUCCESS":
                found += _if_tested(connection, build.job, raw)
    return tuple(found)


def _parsed(address: str) -> tuple[JobAddress, str]:
    """The job, and which of its builds."""
    parts = urlsplit(address)
    path = parts.path.rstrip("/").removesuffix("/testReport")
    before, _, last = path.rpartition("/")
    named = not before.endswith("/job") and (last.isdigit() or last in (*PERMALINKS, LAST_GREEN))
    job = job_address(urlunsplit((parts.scheme, parts.netloc, before if named else path, "", "")))
    return job, last if named and last != LAST_GREEN else STABLE


def _connection(job: JobAddress, environ: Mapping[str, str]) -> Connection:
    from harness.jenkins.connection import (
        Connection,
        Credentials,
    )  # needs python-jenkins, and most comparisons need no Jenkins

    return Connection(job.server, Credentials.of(environ))


def _if_tested(connection: Connection, job: JobAddress, raw: Mapping[str, Any]) -> Iterator[TestedBuild]:
    try:
        yield _read(connection, job, raw)
    except MissingError:
        return


def _read(connection: Connection, job: JobAddress, raw: Mapping[str, Any]) -> TestedBuild:
    number, result = int(raw["number"]), "" if raw.get("building") else str(raw.get("result") or "")
    report = connection.json(job.path(f"{number}/testReport/"), tree=TREE)
    started = float(raw.get("timestamp") or 0) / 1000
    told = side(report, f"{job.job}/{number}", f"{job.url}{number}/", started=started, result=result)
    return TestedBuild(job, number, result == "SUCCESS", told)
