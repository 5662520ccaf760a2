"""Which specs a suite wants: a label filter, focus and skip patterns, and named presets, as written in a ``specs.yaml``.

``specs.yaml`` names nothing by full text: a label filter survives new versions, and presets hold stable names
(:func:`harness.ginkgo.inventory.stable_name`). A skipped spec is kept, with its reason, so that reports show it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.ginkgo.api import Spec
from harness.ginkgo.labels import Filter, parse_filter
from harness.settings import duration

_TIMEOUT = "30m"
_KEYS = ("name", "label_filter", "focus", "skip", "presets", "timeout")


@dataclass(frozen=True)
class Skip:
    """Specs that are listed but not run."""

    match: re.Pattern[str]
    """Searched in the spec's name."""
    reason: str
    issue: str = ""
    expires: date | None = None
    """From this day on the entry is an error: somebody has to look again."""

    def explain(self) -> str:
        """The reason as people see it."""
        return f"{self.reason} ({self.issue})" if self.issue else self.reason


@dataclass(frozen=True)
class Chosen:
    """A spec that a suite wants."""

    spec: Spec
    skip: str = ""
    """Why it is not run; empty if it is."""


@dataclass(frozen=True)
class Selection:
    """One ``specs.yaml``."""

    path: Path
    name: str = ""
    label_filter: Filter = field(default=lambda labels: True)
    focus: tuple[re.Pattern[str], ...] = ()
    """A spec is wanted if one of them is found in its name; all if there are none."""
    skips: tuple[Skip, ...] = ()
    presets: Mapping[str, tuple[str | re.Pattern[str], ...]] = field(default_factory=dict)
    """Preset -> exact names, or patterns if written as ``/.../``."""
    timeout: str = ""
    """How long one spec may take, as it is written; empty if the file does not say."""

    @property
    def seconds(self) -> float:
        """Seconds after which one spec is stopped."""
        return duration(self.timeout or _TIMEOUT)

    def choose(self, specs: Iterable[Spec], preset: str) -> list[Chosen]:
        """The wanted specs, in inventory order; a preset the file does not have stands for all."""
        wanted = self._preset(preset)
        return [Chosen(spec, self._skip(spec)) for spec in specs if self._covers(spec) and wanted(spec.name)]

    def check_expired(self, today: date) -> None:
        """Raise ``UsageError`` if a skip has outlived its date."""
        expired = [entry for entry in self.skips if entry.expires and entry.expires <= today]
        if expired:
            named = "; ".join(f"{entry.match.pattern!r} on {entry.expires} ({entry.explain()})" for entry in expired)
            raise UsageError(
                f"{self.path}: skip has expired: {named}", hint="remove the entry, or give it a later date"
            )

    def check_idle(self, inventories: Iterable[Iterable[Spec]]) -> None:
        """Raise ``UsageError`` if a skip matches no spec of any of these builds that label filter and focus select."""
        names = {spec.name for specs in inventories for spec in specs if self._covers(spec)}
        idle = [entry for entry in self.skips if not any(map(entry.match.search, names))]
        if idle:
            named = ", ".join(repr(entry.match.pattern) for entry in idle)
            raise UsageError(
                f"{self.path}: skip matches no spec: {named}", hint="remove the entry, or correct its match"
            )

    def _covers(self, spec: Spec) -> bool:
        """Whether label filter and focus agree on it, whatever the preset."""
        focused = not self.focus or any(pattern.search(spec.name) for pattern in self.focus)
        return self.label_filter(spec.labels) and focused

    def _preset(self, preset: str) -> Callable[[str], bool]:
        if preset not in self.presets:
            return lambda name: True
        names = {entry for entry in self.presets[preset] if isinstance(entry, str)}
        patterns = [entry for entry in self.presets[preset] if not isinstance(entry, str)]
        return lambda name: name in names or any(pattern.search(name) for pattern in patterns)

    def _skip(self, spec: Spec) -> str:
        return next((entry.explain() for entry in self.skips if entry.match.search(spec.name)), "")


def load_selection(path: Path) -> Selection:
    """Read a ``specs.yaml``; raises ``UsageError`` that names the file, the place in it and what is allowed."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{path}, line {line}: not YAML: {error.problem}", hint="correct that line") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    return _Reader(path).selection(raw)


@dataclass(frozen=True)
class _Reader:
    """Checks the shape of one file's data."""

    path: Path

    def selection(self, raw: Any) -> Selection:
        values = self._mapping(raw, "the file", _KEYS)
        return Selection(
            path=self.path,
            name=self._text(values.get("name", self.path.parent.name), "name"),
            label_filter=self._filter(values.get("label_filter", "")),
            focus=tuple(self._pattern(item, "focus") for item in self._list(values.get("focus"), "focus")),
            skips=tuple(self._skip(item) for item in self._list(values.get("skip"), "skip")),
            presets={
                self._text(name, "presets"): tuple(
                    self._entry(item, str(name)) for item in self._list(entries, "presets")
                )
                for name, entries in self._mapping(values.get("presets") or {}, "presets").items()
            },
            timeout=self._duration(values["timeout"]) if "timeout" in values else "",
        )

    def _filter(self, raw: Any) -> Filter:
        try:
            return parse_filter(self._text(raw, "label_filter") if raw else "")
        except UsageError as error:
            raise self._error(error.attempted, error.hint) from error

    def _skip(self, raw: Any) -> Skip:
        values = self._mapping(raw, "skip", ("match", "reason", "issue", "expires"))
        for key in ("match", "reason"):
            if key not in values:
                raise self._error(f"an entry of skip has no {key!r}", "each needs match and reason")
        expires = values.get("expires")
        if expires is not None and not isinstance(expires, date):
            raise self._error(f"skip: expires: {expires!r} is not a date", "write 2027-01-31")
        return Skip(
            self._pattern(values["match"], "skip: match"),
            self._text(values["reason"], "skip: reason"),
            str(values.get("issue", "")),
            expires,
        )

    def _entry(self, raw: Any, preset: str) -> str | re.Pattern[str]:
        text = self._text(raw, f"presets: {preset}")
        if len(text) > 2 and text[0] == text[-1] == "/":
            return self._pattern(text[1:-1], f"presets: {preset}")
        return " ".join(text.split())

    def _pattern(self, raw: Any, place: str) -> re.Pattern[str]:
        text = self._text(raw, place)
        try:
            return re.compile(text)
        except re.error as error:
            raise self._error(
                f"{place}: {text!r} is not a regular expression: {error}", "escape [ and ] as \\["
            ) from error

    def _duration(self, raw: Any) -> str:
        text = self._text(raw, "timeout")
        try:
            duration(text)
        except UsageError as error:
            raise self._error(f"timeout: {error.attempted}", error.hint) from error
        return text

    def _text(self, raw: Any, place: str) -> str:
        if not isinstance(raw, str) or not raw.strip():
            raise self._error(f"{place}: {raw!r} is not text", "put it in quotes")
        return raw.strip()

    def _list(self, raw: Any, place: str) -> Sequence[Any]:
        if raw is None:
            return ()
        if not isinstance(raw, list):
            raise self._error(f"{place}: {raw!r} is not a list", "begin each entry with a dash")
        return raw

    def _mapping(self, raw: Any, place: str, keys: Sequence[str] = ()) -> dict[Any, Any]:
        if not isinstance(raw, dict):
            raise self._error(
                f"{place} is {type(raw).__name__}, not a mapping", f"keys: {', '.join(keys)}" if keys else ""
            )
        for key in raw:
            if keys and key not in keys:
                raise self._error(f"{place}: unknown key {key!r}", f"there are: {', '.join(keys)}")
        return raw

    def _error(self, what: str, hint: str = "") -> UsageError:
        return UsageError(f"{self.path}: {what}", hint=hint)
