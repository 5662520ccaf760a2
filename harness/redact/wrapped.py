"""Secrets inside an encoding: base64 (also of gzip, as cloud-init user data often is) and URL encoding, to any depth that people use.

A run of encoded characters that hides a secret is blanked out as a whole. One that does not decode, or hides none, stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable
from urllib.parse import unquote

from harness.redact.shapes import BLANK

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_ESCAPED = re.compile(r"[^\s\"'<>]*%[0-9A-Fa-f]{2}[^\s\"'<>]*")
_DEPTH = 3
_MOST = 4 * 2**20
"""Characters, decoded; beyond it nothing of this kind is made by anybody we know."""
_GZIP = b"\x1f\x8b"

Hides = Callable[[str], bool]
"""Whether a text, taken by itself, has a secret in it."""


def blank_wrapped(text: str, hides: Hides, depth: int = _DEPTH) -> str:
    """The text with every encoded run replaced by ``[redacted]`` that hides a secret."""
    if depth == 0:
        return text

    def inner(decoded: str) -> bool:
        return hides(decoded) or blank_wrapped(decoded, hides, depth - 1) != decoded

    def base64_run(match: re.Match[str]) -> str:
        decoded = _decoded(match[0])
        return BLANK if decoded and inner(decoded) else match[0]

    def escaped_run(match: re.Match[str]) -> str:
        return BLANK if inner(unquote(match[0])) else match[0]

    text = _BASE64.sub(base64_run, text)
    return _ESCAPED.sub(escaped_run, text) if "%" in text else text


def _decoded(run: str) -> str:
    """The text that base64 stands for, unpacked if it is gzip; empty if it is no text."""
    run = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    whole = run[: len(run) // 4 * 4 + (len(run) % 4 if len(run) % 4 != 1 else 0)]
    try:
        data = base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
        if data.startswith(_GZIP):
            data = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, _MOST)
    except (binascii.Error, zlib.error):
        return ""
    text = data[:_MOST].decode("utf-8", errors="replace")
    return text if text.count("�") * 4 <= len(text) else ""
