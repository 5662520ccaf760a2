"""Files of a mirror that is laid out like dl.k8s.io: each has its checksum beside it, ``NAME.sha512`` or ``NAME.sha256``.

Nothing is used that was not verified, and what was verified is kept under its digest, so that a second source or a second version
with the same file fetches nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from harness.builds.api import Progress
from harness.builds.cache import Cache
from harness.errors import BuildError, UsageError

_ANSWER = (10.0, 60.0)
"""Seconds to connect, and between two parts of an answer."""
_RETRIES = 3
_PART = 1 << 20
_ALGORITHMS = {"sha512": 128, "sha256": 64}
"""Strongest first, with the digits of a digest."""


@dataclass(frozen=True)
class Wanted:
    """A file of the mirror and its digest."""

    path: str
    """Below the mirror's base URL, as it stands in a URL."""
    algorithm: str
    digest: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Mirror:
    """A server of releases."""

    url: str

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        retry = Retry(_RETRIES, backoff_factor=0.3, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False)
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        return session

    def marker(self, path: str) -> str | None:
        """The text of a small file, or None if there is none; raises ``UsageError`` when the mirror does not answer."""
        with closing(self._get(path)) as answer:
            if answer.status_code == 404:
                return None
            self._check(answer, path)
            return answer.text.strip()

    def wanted(self, path: str) -> Wanted:
        """A file with the strongest checksum that the mirror has of it; raises ``UsageError`` if it has none."""
        for algorithm, digits in _ALGORITHMS.items():
            text = self.marker(f"{path}.{algorithm}")
            if text is None:
                continue
            digest = text.split()[0] if text else ""
            if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", digest):
                raise UsageError(
                    f"read {self.url}/{path}.{algorithm}", last_seen=f"not a checksum: {text[:40]!r}", hint=self._hint
                )
            return Wanted(path, algorithm, digest)
        raise UsageError(
            f"find {self.url}/{path}", last_seen="the mirror has no .sha512 and no .sha256 of it", hint=self._hint
        )

    def fetch(self, wanted: Wanted, cache: Cache, progress: Progress) -> Path:
        """The file, from the cache or downloaded and verified; raises ``BuildError``."""

        def make(folder: Path) -> None:
            progress(f"downloading {wanted.name}")
            found = self._download(wanted, folder / wanted.name)
            if found != wanted.digest:
                raise BuildError(
                    f"download {self.url}/{wanted.path}",
                    awaited=f"{wanted.algorithm} {wanted.digest}",
                    last_seen=f"{wanted.algorithm} {found}",
                    hint="the file or its checksum is damaged on the mirror; choose another with --release-mirror",
                )

        return cache.obtain("downloads", wanted.digest[:32], make, progress) / wanted.name

    def _download(self, wanted: Wanted, target: Path) -> str:
        """Write the file; its digest."""
        hashed = hashlib.new(wanted.algorithm)
        with closing(self._get(wanted.path)) as answer, target.open("wb") as file:
            self._check(answer, wanted.path, BuildError)
            for part in self._parts(answer, wanted):
                hashed.update(part)
                file.write(part)
        return hashed.hexdigest()

    def _parts(self, answer: requests.Response, wanted: Wanted) -> Iterator[bytes]:
        try:
            yield from answer.iter_content(_PART)
        except requests.RequestException as caught:
            raise BuildError(
                f"download {self.url}/{wanted.path}", last_seen=f"the connection broke: {caught}", hint="try again"
            ) from caught

    def _get(self, path: str) -> requests.Response:
        try:
            return self._session.get(f"{self.url}/{path}", timeout=_ANSWER, stream=True)
        except requests.RequestException as caught:
            raise UsageError(
                f"reach {self.url}/{path}",
                last_seen=_reason(caught),
                hint="choose another mirror with --release-mirror",
            ) from caught

    def _check(
        self, answer: requests.Response, path: str, error: type[UsageError] | type[BuildError] = UsageError
    ) -> None:
        if answer.status_code != 200:
            raise error(
                f"fetch {self.url}/{path}", last_seen=f"{answer.status_code} {answer.reason}", hint=self._hint
            )  # fmt: skip

    @property
    def _hint(self) -> str:
        return "look whether the mirror has this version, laid out like https://dl.k8s.io"


def checked(url: str) -> str:
    """The base URL of a mirror without a slash at its end; raises ``UsageError`` unless it is http or https."""
    if not re.fullmatch(r"https?://[^\s/]+\S*", url):
        raise UsageError(f"--release-mirror {url!r} is not a URL", hint="write for example https://dl.k8s.io")
    return url.rstrip("/")


def identity(files: Sequence[Wanted]) -> str:
    """A digest over the digests of all files."""
    return hashlib.sha256(" ".join(sorted(f"{file.name}={file.digest}" for file in files)).encode()).hexdigest()


def _reason(error: Exception) -> str:
    """The innermost reason of a request's failure, in a line."""
    inner = getattr(error.args[0], "reason", None) if error.args else None
    text = str(inner or error)
    return text.rpartition(">: ")[2].rpartition("object at")[2].strip() or text
