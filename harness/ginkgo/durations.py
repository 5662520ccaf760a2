"""How long a spec is expected to take, so that the longest start first.

``durations.tsv`` ships with the harness: seconds, a tab, the spec's stable name; measured on three local nodes with twelve specs at
the same time. What a machine has seen itself (the same format) goes on top of it. A damaged file is refused before anything is created,
and never written over: it may be the only record of many runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from harness import atomic
from harness.errors import UsageError
from harness.ginkgo.api import Spec

FILE = "durations.tsv"
"""Name of what a machine has seen itself, in its cache folder."""

_UNKNOWN = 10.0
_UNKNOWN_SLOW = 120.0


def shipped() -> dict[str, float]:
    """Spec name -> seconds, as measured by the makers of this harness."""
    return _parse(resources.files("harness.ginkgo").joinpath("durations.tsv").read_text(encoding="utf-8"))


def observed(path: Path) -> dict[str, float]:
    """Name -> seconds, as :func:`remember` wrote them; empty if there is no such file yet. Raises ``UsageError`` if it is damaged."""
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} is damaged: {error}", hint="correct it, or remove it: only the order of tests depends on it"
        ) from error


def remember(path: Path, seconds: Mapping[str, float]) -> None:
    """Add new observations by one rename; a name seen before moves half of the way. Raises as :func:`observed` does."""
    known = observed(path)
    for name, value in seconds.items():
        known[name] = value if name not in known else (known[name] + value) / 2
    atomic.write(path, "".join(f"{value:.1f}\t{name}\n" for name, value in sorted(known.items())))


def expected(spec: Spec, table: Mapping[str, float]) -> float:
    """Seconds this spec will take: from the table, or a guess by its labels."""
    return table.get(spec.name, _UNKNOWN_SLOW if "Slow" in spec.labels else _UNKNOWN)


def _parse(text: str) -> dict[str, float]:
    """Raises ``ValueError`` that names the line."""
    found = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        seconds, _, name = line.partition("\t")
        value = _seconds(seconds)
        if value is None or not name:
            raise ValueError(f"line {number} is not seconds, a tab and a name: {line[:60]!r}")
        found[name] = value
    return found


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
