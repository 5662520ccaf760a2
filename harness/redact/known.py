"""Secrets whose value is known, in every form in which they may turn up.

The values come from where the harness itself keeps them (the owner's file of local Azure, the private keys in a run's folder) and
from the environment variables by which Azure's SDKs and Jenkins are given theirs; none is written down anywhere else.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from harness.redact.shapes import BLANK

LEAST = 8
"""Characters; shorter values would blank out ordinary words."""
VARIABLES = (
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN",
    "ARM_CLIENT_SECRET",
    "JENKINS_API_TOKEN",
    "JENKINS_TOKEN",
    "JENKINS_PASSWORD",
)
"""Environment variables that hold a secret."""


@dataclass(frozen=True)
class _Pieces:
    """Says quickly that a text has none of these strings, which is so of nearly every text.

    The pattern of a run with four cells has more than a hundred alternatives and tries them at every character. A string of
    ``size + step - 1`` characters, wherever it begins, has in it a piece of ``size`` that begins at a multiple of ``step``, so it is
    enough to look at those.
    """

    pieces: frozenset[str]
    size: int
    step: int

    @classmethod
    def of(cls, strings: Collection[str]) -> _Pieces:
        shortest = min(map(len, strings), default=1)
        size = (shortest + 1) // 2
        pieces = {string[at : at + size] for string in strings for at in range(len(string) - size + 1)}
        return cls(frozenset(pieces), size, shortest - size + 1)

    def may_be_in(self, text: str) -> bool:
        """False only if none of the strings is in the text."""
        size = self.size
        return not self.pieces.isdisjoint(text[at : at + size] for at in range(0, len(text), self.step))


@dataclass(frozen=True)
class Known:
    """Known secrets."""

    values: frozenset[str] = frozenset()
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _pieces: _Pieces = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        forms = {form for value in self.values if len(value) >= LEAST for form in _forms(value)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None
        object.__setattr__(self, "_pattern", pattern)
        object.__setattr__(self, "_pieces", _Pieces.of(forms))

    def __or__(self, other: Known) -> Known:
        return Known(self.values | other.values)

    def blank(self, text: str) -> str:
        """The text with each of them replaced by ``[redacted]``, in plain, base64 or URL encoding, or escaped for JSON."""
        return self._pattern.sub(BLANK, text) if self._pattern and self._pieces.may_be_in(text) else text

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Known:
        """What programs of this environment are given."""
        return cls(frozenset(environ[name] for name in VARIABLES if environ.get(name)))

    @classmethod
    def of_files(cls, paths: Iterable[Path]) -> Known:
        """What these files hold: a server.json of local Azure, kubeconfigs, private keys; those that are not there hold none."""
        found: set[str] = set()
        for path in paths:
            try:
                text = path.read_text(errors="replace")
            except OSError:
                continue
            found |= {match[1] or match[2] for match in _SECRET_LINES.finditer(text)}
        return cls(frozenset(found))


_SECRET_LINES = re.compile(
    r"\b(?:client_secret|client-key-data|token)\"?:\s*\"?([^\s\",]+)|"  # server.json, kubeconfig
    r"^([A-Za-z0-9+/=]{32,})$",  # a line of a PEM file's body
    re.MULTILINE,
)


def _forms(value: str) -> Iterable[str]:
    yield value
    yield json.dumps(value)[1:-1]
    yield quote(value, safe="")
    yield quote_plus(value)
    data = value.encode()
    for before in range(3):
        # whatever stands before it in the same base64, these characters come from the secret alone
        encoded = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        yield encoded[first:last]
        yield encoded[first:last].translate(str.maketrans("+/", "-_"))
