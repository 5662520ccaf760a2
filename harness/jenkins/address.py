"""Where a job is, from an address as a browser shows it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from harness.errors import UsageError


@dataclass(frozen=True)
class JobAddress:
    """A job of a server."""

    server: str
    """Ends with a slash; Jenkins may lie below a path."""
    job: str
    """Full name: ``nightly``, ``team/nightly``."""

    @property
    def url(self) -> str:
        return self.server + self.path("")

    def path(self, what: str) -> str:
        """Below the server: ``job/team/job/nightly/`` and then this."""
        return "".join(f"job/{quote(part, safe='')}/" for part in self.job.split("/")) + what


def job_address(text: str, default: str = "") -> JobAddress:
    """The job at this address; of a server's address, the job of this name.

    :raises UsageError: if it is none.
    """
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{text!r} is not an address", hint="write it in full: https://ci.example.org/job/ingest/")
    if parts.username or parts.password:
        raise UsageError(
            f"the address of {parts.hostname} holds a user or a password, which others can see on the command line",
            hint="set JENKINS_USER_ID and JENKINS_API_TOKEN instead",
        )
    before, *names = f"{parts.path.rstrip('/')}/".split("/job/")
    job = "/".join(unquote(name.strip("/")) for name in names) or default
    if parts.query or parts.fragment or not job or any("/" in name.strip("/") for name in names):
        what = "is not the address of a job" if names or parts.query or parts.fragment else "names no job"
        raise UsageError(f"{text} {what}", hint="write it as far as the job: https://ci.example.org/job/ingest/")
    return JobAddress(f"{parts.scheme}://{parts.netloc}{before.rstrip('/')}/", job)
