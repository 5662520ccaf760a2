"""What each suite says it tests, in ``suites/<suite>/changes.yaml``, and what is tested by none, in ``suites/changes.yaml``.

A rule belongs to its suite, so that a new suite is picked without an edit elsewhere. Paths are shell patterns in which ``*`` also
stands for ``/``; those of components other than Kubernetes begin with the component's name: ``cloud-provider-azure:pkg/*``.
``but`` takes back some of what ``paths`` name.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.ginkgo.labels import parse_filter

FILE = "changes.yaml"
_EXAMPLE = 'write for example: - {paths: ["pkg/proxy/*"], why: kube-proxy forwards Services, specs: sig-network}'


@dataclass(frozen=True)
class Rule:
    """Some paths, and what a change of them may break."""

    paths: tuple[str, ...]
    why: str
    specs: str = ""
    """Label filter of the suite's specs that run in addition to its core; empty: the whole suite runs."""
    but: tuple[str, ...] = ()
    """Paths of which it does not speak after all."""
    serial: bool = False
    """Whether so many of the specs are Serial that a cell should have further clusters for them, where those cost little."""

    def matches(self, path: str) -> bool:
        """Whether it speaks of this path."""
        named, taken_back = (any(fnmatchcase(path, one) for one in patterns) for patterns in (self.paths, self.but))
        return named and not taken_back


def load_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a file; none if it is not there. Raises ``UsageError`` naming the file and what is wrong."""
    try:
        raw = yaml.safe_load(path.read_text()) if path.is_file() else []
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(raw, list):
        raise UsageError(f"{path} is not a list of rules", hint=_EXAMPLE)
    return tuple(_rule(entry, path) for entry in raw)


def _rule(raw: Any, path: Path) -> Rule:
    if not isinstance(raw, dict) or set(raw) - {"paths", "but", "why", "specs", "serial"}:
        raise UsageError(f"{path}: {raw!r} is not a rule of paths, but, why, specs and serial", hint=_EXAMPLE)
    paths, why, specs = _patterns(raw, "paths", path), raw.get("why"), raw.get("specs", "")
    but = _patterns(raw, "but", path) if "but" in raw else ()
    if not isinstance(why, str) or not why or not isinstance(specs, str):
        raise UsageError(f"{path}: the rule for {paths[0]} needs why, a few words", hint=_EXAMPLE)
    serial = raw.get("serial", False)
    if not isinstance(serial, bool):
        raise UsageError(f"{path}: serial of the rule for {paths[0]} has to be true or false, not {serial!r}")
    try:
        parse_filter(specs)
    except UsageError as error:
        raise UsageError(f"{path}: {error.attempted}", hint=error.hint) from error
    return Rule(paths, why, specs, but, serial)


def _patterns(raw: dict[str, Any], key: str, path: Path) -> tuple[str, ...]:
    found = raw.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(item, str) and item for item in found):
        raise UsageError(f"{path}: {key} has to be a list of patterns, not {found!r}", hint=_EXAMPLE)
    return tuple(found)
