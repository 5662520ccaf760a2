"""The axes of Jenkinsfile.nightly, from matrix.yaml: Jenkins takes only literals there, so they are written into the file.

``python jenkins/axes.py`` writes them, ``--check`` only says whether they are right (exit code 1 if not).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from harness.errors import UsageError
from harness.runs.matrix import Matrix, Pattern, load_matrix
from harness.settings import AXES

HERE = Path(__file__).parent
FIRST = "// made from matrix.yaml by jenkins/axes.py"
LAST = "// end of what jenkins/axes.py makes"
_STEP = "    "


def blocks(matrix: Matrix) -> str:
    """``axes`` and ``excludes`` of a declarative matrix with the cells of this one."""
    lines = ["axes {"]
    for axis in AXES:
        lines += _indented(_axis(axis, "values", matrix.axes[axis]))
    lines.append("}")
    if excludes := list(_excludes(matrix)):
        lines += ["excludes {", *_indented(excludes), "}"]
    return "\n".join(lines)


def _excludes(matrix: Matrix) -> Iterator[str]:
    """The patterns that speak of cells; and each cell by itself that lost its last suite to patterns that speak of suites."""
    patterns = [pattern for pattern in matrix.exclude if not pattern.names("suite")]
    left = {(cell.source, cell.deployer, cell.location) for cell in matrix.cells()}
    for pattern in patterns:
        yield from _exclude(pattern)
    for place in product(*(matrix.axes[axis] for axis in AXES)):
        point = dict(zip(AXES, place, strict=True))
        if place not in left and not any(pattern.matches(point) for pattern in patterns):
            yield from _exclude(Pattern({axis: (value,) for axis, value in point.items()}, {}, "no suite is left"))


def _exclude(pattern: Pattern) -> list[str]:
    named: list[tuple[str, str, Mapping[str, tuple[str, ...]]]] = [
        (axis, word, values)
        for axis in AXES
        for word, values in (("values", pattern.axes), ("notValues", pattern.but))
        if axis in values
    ]
    inner = [line for axis, word, values in named for line in _axis(axis, word, values[axis])]
    return [f"// {' '.join(pattern.text.split())}", "exclude {", *_indented(inner), "}"]


def _axis(axis: str, word: str, values: Sequence[str]) -> list[str]:
    quoted = ", ".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values)
    return ["axis {", f"{_STEP}name '{axis.upper()}'", f"{_STEP}{word} {quoted}", "}"]


def _indented(lines: Sequence[str]) -> list[str]:
    return [_STEP + line for line in lines]


def written_into(jenkinsfile: str, matrix: Matrix) -> str:
    """The file with the axes of this matrix between its marks; raises ``UsageError`` if it has not both, once."""
    if jenkinsfile.count(FIRST) != 1 or jenkinsfile.count(LAST) != 1:
        raise UsageError("the Jenkinsfile has no place for axes", hint=f"it needs the lines: {FIRST} and {LAST}")
    before, _, rest = jenkinsfile.partition(FIRST)
    margin = before.rpartition("\n")[2]
    made = "\n".join(margin + line for line in blocks(matrix).splitlines())
    return f"{before}{FIRST}\n{made}\n{margin}{LAST}{rest.partition(LAST)[2]}"


def main(arguments: Sequence[str]) -> int:
    """Write or check; the exit code."""
    parser = argparse.ArgumentParser(prog="jenkins/axes.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether the axes are those of matrix.yaml")
    check = parser.parse_args(arguments).check
    path = HERE / "Jenkinsfile.nightly"
    try:
        there, right = path.read_text(), written_into(path.read_text(), load_matrix(HERE / "matrix.yaml"))
    except UsageError as error:
        print(f"jenkins/axes.py: {error}", file=sys.stderr)
        return 2
    if check and there != right:
        print(f"{path}: its axes are not those of matrix.yaml; write them: python jenkins/axes.py", file=sys.stderr)
        return 1
    if not check:
        path.write_text(right)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
