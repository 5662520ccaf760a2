"""Blanks out secrets where something is written that is kept with a run: logs, results, the ledger, what is collected.

It lies below every room because the writer masks, and not the reader later. :mod:`.shapes` recognises secrets by what they look
like, :mod:`.known` those whose value is known, :mod:`.wrapped` looks into base64, URL encoding and gzip, :mod:`.files` into
files and archives.
"""

from __future__ import annotations

from harness.redact.known import Known
from harness.redact.shapes import BLANK, blank_shapes
from harness.redact.wrapped import blank_wrapped

__all__ = ["BLANK", "Known", "redact"]

_NOTHING = Known()


def redact(text: str, known: Known = _NOTHING) -> str:
    """The text with every secret replaced by ``[redacted]``: of a recognised shape, or of these values, also when wrapped."""
    text = blank_shapes(known.blank(text))
    return blank_wrapped(text, lambda inner: blank_shapes(known.blank(inner)) != inner)
