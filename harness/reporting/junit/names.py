"""Names that Jenkins keeps a history by: the same in every build of a job, different for every cell of one.

junit-plugin finds the previous result by suite name and class name with test name, and test pages by names in which everything but letters,
digits and ``_`` has become ``_``. So a cell is named by what was asked for and not by what that resolved to: ``release:v1.37.2`` stays
``v1_37_2``, but ``ci:latest`` is ``ci-latest`` and never today's commit.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from harness.reporting.api import TestResult
from harness.reporting.jenkins.addresses import case_address
from harness.runs.api import Cell

_EXACT = re.compile(r"v\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


def tracks(cells: Sequence[Cell]) -> dict[str, str]:
    """Cell name -> its name in every history; without dots, since Jenkins takes those for packages.

    A further cluster of a cell has that cell's name and its own number.
    """
    primary = [cell for cell in cells if not cell.replica_of]
    names = {cell.name: track(cell) for cell in primary}
    often = Counter(names.values())
    found = {
        cell.name: names[cell.name] + (f"-{_mark(_asked(cell))}" if often[names[cell.name]] > 1 else "")
        for cell in primary
    }
    for cell in cells:
        if cell.replica_of:
            number = cell.name.removeprefix(cell.replica_of)
            found[cell.name] = safe_track(found.get(cell.replica_of, track(cell)) + number)
    return found


def track(cell: Cell) -> str:
    """``v1_37_2-kubeadm-westeurope``, ``ci-latest-kubeadm-westeurope``, ``git-release-1_37-kubeadm-westeurope``."""
    scheme, _, reference = _asked(cell).partition(":")
    if _EXACT.fullmatch(reference):
        label = reference
    elif scheme == "path":
        label = scheme
    else:
        wanted = reference.rpartition("@")[2] if scheme == "git" else reference
        label = scheme if _COMMIT.fullmatch(wanted) or "/" in wanted.strip("/") else f"{scheme}-{wanted}"
    return safe_track(f"{label}-{cell.deployer}-{cell.location}")


def _asked(cell: Cell) -> str:
    return cell.asked or cell.source


def safe_track(name: str) -> str:
    """Without what a class name cannot hold."""
    return re.sub(r"[^A-Za-z0-9_+-]", "_", name)


def unique(tests: Sequence[TestResult]) -> list[str]:
    """A name for each test; a clash gets a mark made from the node id, but its cell, so that it stays the same over builds."""
    names = []
    taken: set[tuple[str, str]] = set()
    for test in tests:
        name = test.name
        if (test.classname, case_address(name)) in taken:
            name += f" #{_mark(test.nodeid.replace(test.cell, ''))}"
        taken.add((test.classname, case_address(name)))
        names.append(name)
    return names


def file_safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]", "-", name)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
