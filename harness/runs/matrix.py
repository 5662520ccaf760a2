"""A matrix file: the one list of what a nightly tests, for ``--matrix FILE`` and for the axes of jenkins/Jenkinsfile.nightly.

It has what Jenkins' declarative matrix has, axes and excludes of literal values, so that one can be made from the other
(https://www.jenkins.io/doc/book/pipeline/syntax/#declarative-matrix). Suites are an axis only here: those of a cell run on one cluster
at the same time, in Jenkins too, where a cell is one ``harness run``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.settings import AXES as CELL_AXES
from harness.settings import Settings

AXES = (*CELL_AXES, "suite")
_EXAMPLE = "see docs/reference/matrix.md"


@dataclass(frozen=True)
class Pattern:
    """Some points of the matrix: on every axis that it names, one of these values, or none of them."""

    axes: Mapping[str, tuple[str, ...]]
    but: Mapping[str, tuple[str, ...]]
    """The same by what is not meant."""
    text: str
    """Why they are excluded, or who owns them."""

    def matches(self, point: Mapping[str, str]) -> bool:
        """Whether it speaks of this point."""
        inside = all(point[axis] in values for axis, values in self.axes.items())
        return inside and all(point[axis] not in values for axis, values in self.but.items())

    def names(self, axis: str) -> bool:
        """Whether it says anything about this axis."""
        return axis in self.axes or axis in self.but


@dataclass(frozen=True)
class MatrixCell:
    """One source x deployer x location that is not excluded."""

    source: str
    deployer: str
    location: str
    suites: tuple[str, ...]
    owner: str


@dataclass(frozen=True)
class Matrix:
    """A whole file."""

    axes: Mapping[str, tuple[str, ...]]
    exclude: tuple[Pattern, ...]
    owners: tuple[Pattern, ...]

    def cells(self) -> Iterator[MatrixCell]:
        """Those left by the excludes, in the order of the axes; one of which no suite is left is none."""
        for source, deployer, location in product(*(self.axes[axis] for axis in CELL_AXES)):
            place = {"source": source, "deployer": deployer, "location": location}
            suites = tuple(suite for suite in self.axes["suite"] if not self._excluded({**place, "suite": suite}))
            if suites:
                yield MatrixCell(source, deployer, location, suites, self._owner(place))

    def _excluded(self, point: Mapping[str, str]) -> bool:
        return any(pattern.matches(point) for pattern in self.exclude)

    def _owner(self, place: Mapping[str, str]) -> str:
        return next(pattern.text for pattern in self.owners if pattern.matches(place))

    def narrowed(self, wanted: Mapping[str, Sequence[str]], place: str) -> tuple[MatrixCell, ...]:
        """The cells that ``--source``, ``--deployer``, ``--location`` and ``--suite`` leave; all for those not given.

        :raises UsageError: for a value that the matrix does not have, and if nothing is left.
        """
        for axis, values in wanted.items():
            for value in values:
                if value not in self.axes[axis]:
                    raise UsageError(
                        f"--{axis} {value} is not in {place}", hint=f"it has: {', '.join(self.axes[axis])}"
                    )
        found = tuple(
            replace(cell, suites=left)
            for cell in self.cells()
            if _wanted(cell, wanted) and (left := _suites(cell, wanted))
        )
        if not found:
            raise UsageError(f"no cell of {place} has all that was asked for", hint=f"harness plan --matrix {place}")
        return found


def _wanted(cell: MatrixCell, wanted: Mapping[str, Sequence[str]]) -> bool:
    return all(not wanted.get(axis) or getattr(cell, axis) in wanted[axis] for axis in CELL_AXES)


def _suites(cell: MatrixCell, wanted: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(suite for suite in cell.suites if not wanted.get("suite") or suite in wanted["suite"])


def wanted_cells(settings: Settings) -> tuple[MatrixCell, ...]:
    """Those of ``--matrix``, or every source x deployer x location that the settings name, with whatever suites there are.

    :raises UsageError: for a file that is none, and for what it does not have.
    """
    if settings.matrix:
        asked = {axis: getattr(settings, axis) for axis in AXES}
        return load_matrix(Path(settings.matrix)).narrowed(asked, settings.matrix)
    places = product(settings.source, settings.deployer, settings.location)
    return tuple(MatrixCell(source, deployer, location, (), "") for source, deployer, location in places)


def expanded(settings: Settings, cells: Sequence[MatrixCell]) -> Settings:
    """The settings as if every source, deployer, location and suite of these cells had been asked for by flags."""
    asked = {axis: tuple(dict.fromkeys(getattr(cell, axis) for cell in cells)) for axis in CELL_AXES}
    suites = tuple(dict.fromkeys(suite for cell in cells for suite in cell.suites))
    return settings.changed(**asked, suite=suites or settings.suite)


def load_matrix(path: Path) -> Matrix:
    """Read a file; raises ``UsageError`` with one line that names the file, what is wrong and what is allowed."""
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"--matrix {path} cannot be read: {' '.join(str(error).split())}") from error
    reader = _Reader(path)
    fields = reader.fields(raw, "the file", {"axes", "exclude", "owners"}, needed={"axes", "owners"})
    axes = reader.axes(fields["axes"])
    matrix = Matrix(
        axes,
        tuple(reader.patterns(fields.get("exclude", []), "exclude", "why", axes)),
        tuple(reader.patterns(fields["owners"], "owners", "owner", {name: axes[name] for name in CELL_AXES})),
    )
    reader.check(matrix)
    return matrix


@dataclass(frozen=True)
class _Reader:
    """Turns plain data into a matrix, with the file's name in front of every complaint."""

    path: Path

    def wrong(self, problem: str, hint: str = _EXAMPLE) -> UsageError:
        return UsageError(f"--matrix {self.path}: {problem}", hint=hint)

    def fields(self, raw: Any, where: str, known: set[str], needed: set[str]) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise self.wrong(f"{where} has to have the keys {', '.join(sorted(known))}, and is {raw!r}")
        for key in raw:
            if key not in known:
                raise self.wrong(f"{where} has the unknown key {key!r}", f"allowed: {', '.join(sorted(known))}")
        for key in sorted(needed - set(raw)):
            raise self.wrong(f"{where} lacks the key {key!r}")
        return raw

    def texts(self, raw: Any, where: str) -> tuple[str, ...]:
        values = [raw] if isinstance(raw, str) else raw
        if not isinstance(values, list) or not values or not all(isinstance(item, str) and item for item in values):
            raise self.wrong(f"{where} has to be a text or a list of texts, and is {raw!r}")
        if len(set(values)) < len(values):
            raise self.wrong(f"{where} names something twice: {', '.join(values)}", "name each once")
        return tuple(values)

    def axes(self, raw: Any) -> dict[str, tuple[str, ...]]:
        fields = self.fields(raw, "axes", set(AXES), needed=set(AXES))
        return {axis: self.texts(fields[axis], f"axis {axis}") for axis in AXES}

    def patterns(self, raw: Any, key: str, text: str, axes: Mapping[str, tuple[str, ...]]) -> Iterator[Pattern]:
        if not isinstance(raw, list):
            raise self.wrong(f"{key} has to be a list, and is {raw!r}")
        for number, entry in enumerate(raw, 1):
            where = f"{key} {number}"
            fields = self.fields(entry, where, {*axes, text}, needed={text})
            if not isinstance(fields[text], str) or not fields[text].strip():
                raise self.wrong(f"{where}: {text} has to be a text, and is {fields[text]!r}")
            chosen: dict[str, tuple[str, ...]] = {}
            but: dict[str, tuple[str, ...]] = {}
            for axis in fields.keys() & axes.keys():
                self.pattern(fields[axis], f"{where}, {axis}", axes[axis], axis, chosen, but)
            yield Pattern(chosen, but, fields[text])

    def pattern(
        self,
        raw: Any,
        where: str,
        allowed: tuple[str, ...],
        axis: str,
        chosen: dict[str, tuple[str, ...]],
        but: dict[str, tuple[str, ...]],
    ) -> None:
        """Values, or {not: values}."""
        negated = isinstance(raw, dict)
        values = self.texts(self.fields(raw, where, {"not"}, {"not"})["not"] if negated else raw, where)
        for value in values:
            if value not in allowed:
                raise self.wrong(f"{where}: {value!r} is not on that axis", f"it has: {', '.join(allowed)}")
        (but if negated else chosen)[axis] = values

    def check(self, matrix: Matrix) -> None:
        """That the parts fit each other: every exclude leaves something out, every cell has an owner."""
        points = [dict(zip(AXES, values, strict=True)) for values in product(*matrix.axes.values())]
        for number, pattern in enumerate(matrix.exclude, 1):
            if not (pattern.axes or pattern.but):
                raise self.wrong(f"exclude {number} names no axis, so it leaves nothing over")
            if not any(map(pattern.matches, points)):
                raise self.wrong(f"exclude {number} leaves nothing out", "remove it")
        for point in points:
            place = {axis: point[axis] for axis in CELL_AXES}
            if not any(pattern.matches(place) for pattern in matrix.owners):
                raise self.wrong(f"nobody owns {', '.join(place.values())}", "end owners with one that names no axis")
        if next(matrix.cells(), None) is None:
            raise self.wrong("the excludes leave no cell")
