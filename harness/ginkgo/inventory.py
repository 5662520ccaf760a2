"""Reads a build's inventory: every spec of its e2e.test, with the index by which the parallel protocol asks for it.

Facts: ginkgo numbers parallel groups in report order of a dry run with the same seed and filter, serial groups left out
(v2.32 ``internal/ordering.go``); a JSON report says neither "serial" nor "ordered" of a spec, but Kubernetes adds its Serial label
and ginkgo's decorator together (v1.37.2 ``test/e2e/framework/ginkgowrapper.go``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.ginkgo.api import EVERYTHING, SEED, Spec

_TAGS = re.compile(
    r"\s*\[(?:"
    r"Conformance|NodeConformance|Serial|Slow|Disruptive|Flaky|LinuxOnly|Alpha|Beta|Deprecated|(?:Alpha|Beta)?OffByDefault"
    r"|(?:Feature|FeatureGate|Environment|MinimumKubeletVersion|KubeletMinVersion):[^\]]*"
    r")\]"
)
"""Labels that Kubernetes also prints in a spec's text, and whose order and presence change between minor versions."""


def load_inventory(path: Path) -> tuple[Spec, ...]:
    """Every spec of the build, in report order; raises ``HarnessError`` if the file is missing or of another seed or filter."""
    try:
        raw = json.loads(path.read_text())
        if (raw["seed"], raw["filter"]) != (SEED, EVERYTHING):
            raise ValueError(f"made with seed {raw['seed']} and filter {raw['filter']!r}")
        return tuple(_specs(raw["specs"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HarnessError(
            f"read the inventory {path}", last_seen=str(error), hint="remove that build's folder and build again"
        ) from error


def stable_name(text: str) -> str:
    """A spec's text without the labels in it: ``[sig-apps] Job should delete a job [Conformance]`` loses its last word."""
    return " ".join(_TAGS.sub("", text).split())


def _specs(entries: Iterable[dict[str, Any]]) -> Iterator[Spec]:
    counts = {False: 0, True: 0}
    in_ordered = {False: False, True: False}
    for entry in entries:
        serial, ordered = bool(entry["serial"]), bool(entry["ordered"])
        index = -1
        if not ordered or not in_ordered[serial]:  # neighbours in Ordered containers are taken for one group
            index = -1 if ordered else counts[serial]
            counts[serial] += 1
        in_ordered[serial] = ordered
        text = str(entry["text"])
        yield Spec(index, stable_name(text), text, frozenset(entry["labels"]), str(entry["location"]), serial)
