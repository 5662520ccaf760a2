"""One request to Jenkins, by python-jenkins, with a timeout, a crumb that is not stale, and an error that says what to do.

Facts: a crumb belongs to a web session, which a restart and time end; Jenkins then answers 403 "No valid crumb" before it looks at the
request, so that it can be sent again (jenkins.io, CSRF protection). An upload may be cut by that answer before it can be read: a cut
request therefore drops the crumb as well. Redirects after a POST lead to pages for people, so none is followed there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests import exceptions as failures

import jenkins
from harness.errors import UsageError
from harness.jenkins.errors import (
    JenkinsError,
    MissingError,
    RefusedError,
    RejectedError,
    UnreachableError,
)
from harness.jenkins.patience import Pace

_PROXY = (429, 502, 503, 504)
"""Not Jenkins, or a Jenkins that is starting (503)."""
_TITLE = re.compile(r"<(?:title|h2)>(.*?)</", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Credentials:
    """Who we are; the token is never shown."""

    user: str
    token: str

    def __repr__(self) -> str:
        return f"Credentials({self.user!r})"

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Credentials | None:
        """JENKINS_USER_ID and JENKINS_API_TOKEN, the names that Jenkins' own command line reads; None if there are none.

        :raises UsageError: if there is only one of them.
        """
        user, token = environ.get("JENKINS_USER_ID", ""), environ.get("JENKINS_API_TOKEN", "")
        if bool(user) != bool(token):
            there, lacking = (
                ("JENKINS_USER_ID", "JENKINS_API_TOKEN") if user else ("JENKINS_API_TOKEN", "JENKINS_USER_ID")
            )
            raise UsageError(
                f"{there} is set, {lacking} is not", hint="set both; a token is made at USER/security of Jenkins"
            )
        return cls(user, token) if user else None


class _Client(jenkins.Jenkins):  # type: ignore[misc] # ships no types
    """python-jenkins, but a POST's redirect is its answer."""

    def _request(self, req: requests.Request, stream: bool | None = None) -> requests.Response:
        prepared = self._session.prepare_request(req)
        settings = self._session.merge_environment_settings(prepared.url, {}, stream, self._session.verify, None)
        follow = req.method != "POST"
        answer: requests.Response = self._session.send(
            prepared, timeout=self.timeout, allow_redirects=follow, **settings
        )
        return answer


class Connection:
    """A Jenkins server."""

    def __init__(self, server: str, credentials: Credentials | None, pace: Pace | None = None) -> None:
        pace = pace or Pace()
        user, token = (credentials.user, credentials.token) if credentials else (None, None)
        self.server = server
        self._named = credentials is not None
        self._client = _Client(server, user, token, timeout=(pace.connect, pace.answer))

    def close(self) -> None:
        self._client._session.close()

    def get(self, path: str, **query: str | int) -> requests.Response:
        """Read something.

        :raises JenkinsError: see :mod:`.errors`.
        """
        return self._send("GET", path, params=query)

    def json(self, path: str, **query: str | int) -> dict[str, Any]:
        """Read ``PATH/api/json``."""
        answer = self.get(f"{path}api/json", **query)
        try:
            value = answer.json()
        except ValueError as error:
            raise JenkinsError(f"read {answer.url}", last_seen="no JSON", hint=self._whose(answer)) from error
        return dict(value)

    def post(self, path: str, form: Mapping[str, str], files: Mapping[str, Path] | None = None) -> requests.Response:
        """Send a form, in the body; with files as multipart. Once, but for a stale crumb."""
        try:
            return self._post(path, form, files or {})
        except RefusedError:
            self._client.crumb = None
            return self._post(path, form, files or {})
        except UnreachableError:
            self._client.crumb = None
            raise

    def _post(self, path: str, form: Mapping[str, str], files: Mapping[str, Path]) -> requests.Response:
        with ExitStack() as opened:
            parts = {
                name: (path.name, opened.enter_context(path.open("rb")), "application/octet-stream")
                for name, path in files.items()
            }
            return self._send("POST", path, data=dict(form), files=parts)

    def _send(self, method: str, path: str, **content: Any) -> requests.Response:
        url = self.server + path
        request = requests.Request(method, url, **content)
        attempted = f"{'read' if method == 'GET' else 'send to'} {url}"
        try:
            answer: requests.Response = self._client.jenkins_request(request)
        except (jenkins.JenkinsException, failures.RequestException) as error:
            raise self._typed(attempted, error) from error
        return answer

    def _typed(self, attempted: str, error: Exception) -> JenkinsError:
        answer = _answer(error)
        if answer is None:
            return _unanswered(attempted, error)
        seen = f"HTTP {answer.status_code}{_said(answer)}"
        if answer.status_code in _PROXY:
            wait = answer.headers.get("Retry-After", "")
            return UnreachableError(
                attempted,
                arrived=answer.status_code != 429,
                wait=float(wait) if wait.isdigit() else 0.0,
                last_seen=seen,
                hint="is Jenkins up, behind its proxy?",
            )
        if answer.status_code in (401, 403):
            hint = "may this user do that?" if self._named else "set JENKINS_USER_ID and JENKINS_API_TOKEN"
            return RefusedError(attempted, last_seen=seen, hint=hint)
        if answer.status_code == 404:
            return MissingError(attempted, last_seen=seen, hint=self._whose(answer))
        kind = RejectedError if answer.status_code < 500 else JenkinsError
        return kind(attempted, last_seen=seen, hint=self._whose(answer))

    def _whose(self, answer: requests.Response) -> str:
        """Each answer of Jenkins says so in a header."""
        if "X-Jenkins" not in answer.headers:
            return f"is {self.server} a Jenkins? it does not say so"
        return (
            "" if self._named else "without JENKINS_USER_ID and JENKINS_API_TOKEN only what everybody may see is there"
        )


def _answer(error: BaseException) -> requests.Response | None:
    """python-jenkins drops the answer of the error that it replaces."""
    cause: BaseException | None = error
    while cause is not None:
        answer = getattr(cause, "response", None)
        if isinstance(answer, requests.Response):
            return answer
        cause = cause.__cause__ or cause.__context__
    return None


def _unanswered(attempted: str, error: Exception) -> UnreachableError:
    """Whether anything can have arrived: not if there never was a connection."""
    first = error.__context__ if isinstance(error, jenkins.TimeoutException) and error.__context__ else error
    refused = isinstance(first, failures.ConnectTimeout) or "NewConnectionError" in repr(first)
    kind = "it took too long" if isinstance(first, failures.Timeout) else "no connection" if refused else "it was cut"
    return UnreachableError(
        attempted,
        arrived=not refused,
        last_seen=f"{kind} ({type(first).__name__})",
        hint="is Jenkins reachable from here?",
    )


def _said(answer: requests.Response) -> str:
    """Jenkins says what is wrong in a header or in a page's title."""
    title = _TITLE.search(answer.text[:4096])
    text = answer.headers.get("X-Error") or (" ".join(title[1].split()) if title else "")
    text = re.sub(rf"^(HTTP ERROR |Error )?{answer.status_code}\s*", "", text)
    return f": {text[:200]}" if text else ""
