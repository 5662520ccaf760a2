"""Makes any text fit for XML, HTML and a terminal: output of tests holds colours, NULs, half characters and, at times, 50 MB.

What XML 1.0 allows is production [2] Char of its specification; junit-xml 1.9 fails outright on lone surrogates and leaves ``[31m``
of a colour behind, so everything is cleaned before it gets there. Sizes follow what Jenkins shows: of a failed test's output the
first and the last 50,000 characters, of a passed one's 500 and 500.
"""

from __future__ import annotations

import re

from harness.redact import redact

FAILED_OUTPUT = 100_000
"""Characters kept of a text that explains a failure."""
PASSED_OUTPUT = 1_000
"""Characters kept of the output of a test that passed."""
MESSAGE = 500
"""Characters of a one-line message."""

_ANSI = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles and links
    r"|[\x1b\x9b]\[?[0-?]*[ -/]*[@-~]"  # colours, cursor movements, and two-character sequences
)
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_NONCHARACTERS = re.compile(
    "[" + "".join(chr(plane << 16 | low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF)) + "]"
)
_SPACES = re.compile(r"\s+")


def clean(text: str, limit: int = FAILED_OUTPUT) -> str:
    """Legal in XML, without colours and secrets, lines ended by ``\\n``, at most about ``limit`` characters with the middle left out."""
    if len(text) <= 2 * limit:
        head = tail = _legal(text)
        length = len(head)
        if length <= limit:
            return head
    else:  # cleaning shrinks a text, so twice the limit is cleaned
        head, tail, length = _legal(_head(text, limit)), _legal(_tail(text, limit)), len(text)
    head, tail = _head(head, limit // 2), _tail(tail, limit // 2)
    return f"{head}\n… {length - len(head) - len(tail):,} characters left out …\n{tail}"


def line(text: str, limit: int = MESSAGE) -> str:
    """Clean, the first line that is not empty, in single spaces."""
    if not text:
        return ""
    first = next((row for row in text[: 4 * limit].splitlines() if row.strip()), "")
    short = _SPACES.sub(" ", _legal(first)).strip()
    return short if len(short) <= limit else short[: limit - 1].rstrip() + "…"


def _legal(text: str) -> str:
    if text.isascii() and text.isprintable():  # most texts are one such line
        return redact(text)
    text = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    text = _ILLEGAL.sub("\ufffd", text)
    if not text.isascii():
        text = _NONCHARACTERS.sub("\ufffd", text)
    return redact(text)


def _head(text: str, length: int) -> str:
    """The beginning, up to the end of a line where there is one."""
    if len(text) <= length:
        return text
    part = text[:length]
    end = part.rfind("\n")
    return part[:end] if end > length // 2 else part


def _tail(text: str, length: int) -> str:
    """The end, from the beginning of a line where there is one."""
    if len(text) <= length:
        return text
    part = text[-length:]
    start = part.find("\n")
    return part[start + 1 :] if -1 < start < length // 2 else part
