"""Which suites and which of their specs a change asks for, and why.

A path that no rule knows may break anything, so it picks everything: a gate that guesses too little is none. Every run has a
core: the specs that a suite lists under the preset ``core``, quick ones that show that a cluster works at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.ginkgo.api import Spec
from harness.ginkgo.labels import parse_filter
from harness.ginkgo.selection import Chosen, Selection, load_selection
from harness.runs.changes.places import has_specs, is_shared, specs_at
from harness.runs.changes.rules import FILE, Rule, load_rules

CORE = "core"
"""Preset of a specs.yaml that always runs."""
_SPECS = "*specs.yaml"


@dataclass(frozen=True)
class Pick:
    """One suite of a narrowed run."""

    suite: str
    whole: bool = False
    """Everything that a run without --changed-since has of this suite."""
    specs: tuple[str, ...] = ()
    """Label filters of further specs."""
    files: tuple[str, ...] = ()
    """Changed files of specs, whose specs run: ``test/e2e/apps/job.go``."""
    why: tuple[str, ...] = ()
    """A line for each reason."""
    serial: bool = False
    """Whether further clusters are worth it: :attr:`harness.runs.changes.rules.Rule.serial`."""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Pick:
        """Read what ``dataclasses.asdict`` made."""
        specs, files, why = (tuple(raw[name]) for name in ("specs", "files", "why"))
        return cls(raw["suite"], raw["whole"], specs, files, why, raw.get("serial", False))

    def choose(self, selection: Selection, specs: Sequence[Spec], preset: str) -> list[Chosen]:
        """What this file of the suite contributes, in inventory order."""
        filters = [parse_filter(text) for text in self.specs]
        changed = [specs_at(file, specs) for file in self.files]
        presets = [CORE] if _has_core(selection) else []
        if self.whole or not all(changed):  # a helper of specs that are elsewhere
            presets.append(preset)
        texts = {chosen.spec.text for name in presets for chosen in selection.choose(specs, name)}.union(*changed)
        return [
            chosen
            for chosen in selection.choose(specs, "")
            if chosen.spec.text in texts or any(wanted(chosen.spec.labels) for wanted in filters)
        ]


@dataclass
class _Growing:
    """A pick in the making."""

    whole: bool = False
    specs: dict[str, None] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)
    why: dict[str, list[str]] = field(default_factory=dict)
    """Reason -> paths."""
    serial: bool = False

    def because(self, reason: str, path: str) -> None:
        self.why.setdefault(reason, []).append(path)


def pick(changed: Iterable[str], suites: Sequence[str], folder: Path) -> tuple[Pick, ...]:
    """What to run after these paths changed, of these suites; raises ``UsageError`` for a malformed file of rules.

    :param changed: paths of Kubernetes, and ``COMPONENT:PATH`` of others.
    :param folder: ``suites/``.
    """
    ignored = load_rules(folder / FILE)
    rules = {suite: load_rules(folder / suite / FILE) for suite in suites}
    growing = {suite: _Growing() for suite in suites}
    for path in changed:
        if any(rule.matches(path) for rule in ignored):
            continue
        if is_shared(path):
            _everything(path, growing, "all specs stand on it")
            continue
        by_rules, by_file = _by_rules(path, rules, growing), _by_file(path, growing, folder)
        if not by_rules and not by_file:
            _everything(path, growing, "no rule says what it may break, so everything")
    return tuple(_picked(suite, growing[suite], folder) for suite in suites if _wanted(suite, growing[suite], folder))


def _everything(path: str, growing: Mapping[str, _Growing], why: str) -> None:
    for found in growing.values():
        found.whole = True
        found.because(why, path)


def _by_rules(path: str, rules: Mapping[str, tuple[Rule, ...]], growing: Mapping[str, _Growing]) -> bool:
    found = [(suite, rule) for suite, own in rules.items() for rule in own if rule.matches(path)]
    for suite, rule in found:
        growing[suite].because(rule.why, path)
        growing[suite].serial |= rule.serial
        if rule.specs:
            growing[suite].specs[rule.specs] = None
        else:
            growing[suite].whole = True
    return bool(found)


def _by_file(path: str, growing: Mapping[str, _Growing], folder: Path) -> bool:
    """A file of specs picks its own, or those beside it, for the suites with a core."""
    if not has_specs(path):
        return False
    for suite, found in growing.items():
        if any(_cores(suite, folder)):
            found.files[path] = None
            found.because("specs are in it or beside it", path)
    return True


def _wanted(suite: str, found: _Growing, folder: Path) -> bool:
    return bool(found.why) or any(_cores(suite, folder))


def _picked(suite: str, found: _Growing, folder: Path) -> Pick:
    core = ["core set, always"] if any(_cores(suite, folder)) else []
    why = [f"{_some(paths)}: {reason}" for reason, paths in found.why.items()]
    return Pick(suite, found.whole, tuple(found.specs), tuple(found.files), (*core, *why), found.serial)


def _cores(suite: str, folder: Path) -> Iterator[bool]:
    for path in sorted((folder / suite).rglob(_SPECS)):
        yield _has_core(load_selection(path))


def _has_core(selection: Selection) -> bool:
    return CORE in selection.presets


def _some(paths: Sequence[str]) -> str:
    """The first of them, and how many more."""
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
