"""How long a spec is expected to take, so that the longest start first.

``durations.tsv`` ships with the harness: seconds, a tab, the spec's stable name; measured on three local nodes with twelve specs at
the same time. What a machine has seen itself (the same format) goes on top of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from harness.ginkgo.api import Spec

_UNKNOWN = 10.0
_UNKNOWN_SLOW = 120.0


def shipped() -> dict[str, float]:
    """Spec name -> seconds, as measured by the makers of this harness."""
    return _parse(resources.files("harness.ginkgo").joinpath("durations.tsv").read_text(encoding="utf-8"))


def observed(path: Path) -> dict[str, float]:
    """Name -> seconds, as :func:`remember` wrote them; empty if there is no such file yet."""
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except OSError:
        return {}


def remember(path: Path, seconds: Mapping[str, float]) -> None:
    """Add new observations by one rename; a name seen before moves half of the way."""
    known = observed(path)
    for name, value in seconds.items():
        known[name] = value if name not in known else (known[name] + value) / 2
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text("".join(f"{value:.1f}\t{name}\n" for name, value in sorted(known.items())), encoding="utf-8")
    fresh.replace(path)


def expected(spec: Spec, table: Mapping[str, float]) -> float:
    """Seconds this spec will take: from the table, or a guess by its labels."""
    return table.get(spec.name, _UNKNOWN_SLOW if "Slow" in spec.labels else _UNKNOWN)


def _parse(text: str) -> dict[str, float]:
    found = {}
    for line in text.splitlines():
        seconds, tab, name = line.partition("\t")
        if tab and not line.startswith("#"):
            try:
                found[name] = float(seconds)
            except ValueError:  # torn or foreign line: only an estimate is lost
                continue
    return found
