"""Which namespaces a test used: those it names itself, or those of its process and time if it was lost.

e2e.test names every namespace of a failed spec by the step ``Collecting events from namespace "X".`` and labels it with the
process's id, which it prints when it starts (k8s.io/kubernetes test/e2e: framework/debug/dump.go, framework/util.go, e2e.go).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

LABEL = "e2e-run"

_NAMED = re.compile(r'(?:Collecting events from|Destroying) namespace "([a-z0-9][a-z0-9-]*)"')
_BUILT = re.compile(r"Building a namespace api object, basename (\S+)")
_RUN = re.compile(r'Starting e2e run \\?"([0-9a-f-]{36})')
_SLACK = 1.0
"""Seconds by which the API server's clock may differ from ours unnoticed: its Date header has whole seconds."""


def named(steps: Iterable[str]) -> tuple[str, ...]:
    """Namespaces that a spec's own steps name."""
    return tuple(dict.fromkeys(name for step in steps for name in _NAMED.findall(step)))


def basenames(steps: Iterable[str]) -> frozenset[str]:
    """What the names of a spec's namespaces begin with; they carry it as the label ``e2e-framework``, too."""
    return frozenset(name for step in steps for name in _BUILT.findall(step))


def runs_of(log: Path) -> frozenset[str]:
    """Ids of the e2e.test processes that wrote this log; none if there is no such log."""
    try:
        return frozenset(_RUN.findall(log.read_text(errors="replace")))
    except OSError:
        return frozenset()


def left_by(
    found: Sequence[Mapping[str, Any]], runs: Collection[str], started: float, ended: float, ahead: float
) -> tuple[str, ...]:
    """Namespaces of these processes that were certainly made in this time, and so not by the process's next spec.

    :param found: namespaces as the API shows them.
    :param ahead: seconds by which the API server's clock is ahead of ours.
    """
    names = []
    for namespace in found:
        metadata = namespace["metadata"]
        made = datetime.fromisoformat(metadata["creationTimestamp"]).timestamp() - ahead
        # a timestamp has whole seconds, rounded down
        if (metadata.get("labels") or {}).get(LABEL) in runs and started - 1 - _SLACK <= made <= ended - 1 - _SLACK:
            names.append(str(metadata["name"]))
    return tuple(names)
