"""A comparison as JSON, for other programs; the fields are those of :mod:`harness.reporting.comparison.api`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from harness.reporting.comparison.api import KINDS, Comparison, Difference, Side


def render(comparison: Comparison) -> str:
    """One object."""
    raw: dict[str, Any] = {
        "run": _side(comparison.run),
        "base": _side(comparison.base),
        "why": comparison.why,
        "cells": [{"run": now, "base": then} for now, then in comparison.pairs if now],
        "counts": {kind: len(getattr(comparison, kind)) for kind in KINDS} | {"added": comparison.added},
    }
    for kind in KINDS:
        raw[kind] = [_difference(kind, item) for item in getattr(comparison, kind)]
    raw["kubernetes"] = [asdict(item) for item in comparison.ranges]
    raw["shortfalls"] = [asdict(item) for item in comparison.shortfalls]
    raw["lost"] = [asdict(item) for item in comparison.lost]
    raw["executed"] = {suite: {"base": before, "run": now} for suite, (before, now) in comparison.executed.items()}
    return json.dumps(raw, indent=1) + "\n"


def _side(side: Side) -> dict[str, Any]:
    return {"label": side.label, "place": side.place, "started": side.started, "outcome": str(side.outcome)}


def _difference(kind: str, item: Difference) -> dict[str, Any]:
    case = item.case
    raw: dict[str, Any] = {
        "track": case.track,
        "suite": case.suite,
        "name": case.name,
        "classname": case.classname,
        "outcome": str(case.outcome),
        "seconds": round(case.seconds, 3),
        "message": case.message,
    }
    if item.before is not None:
        raw["before"] = {"outcome": str(item.before.outcome), "seconds": round(item.before.seconds, 3)}
    if item.age:
        raw |= {"age": item.age, "since": item.since}
    if kind == "slower":
        raw["usual"] = dict(zip(("median", "low", "high"), (round(part, 3) for part in item.usual), strict=True))
    return raw
