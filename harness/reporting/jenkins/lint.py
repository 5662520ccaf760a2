"""Predicts what Jenkins will show of JUnit files, and finds what it would show wrongly or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.reporting.jenkins.addresses import case_address, class_address
from harness.reporting.jenkins.view import Key, View, ViewedCase, condition

_BIG = 10_000_000
"""Bytes of a file from which Jenkins' controller, which holds all of it in memory, becomes slow."""
_CROWD = 300
"""Cases of one class from which its page is no use."""
_CHANGING = re.compile(
    r"\b20\d\d-?[01]\d-?[0-3]\d\b"  # a date
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"  # a uuid
    r"|\bgw\d+\b"  # an xdist worker
    r"|0x[0-9a-f]{6,}"  # an address in memory
)


@dataclass(frozen=True)
class Finding:
    """Something that Jenkins would show wrongly, or not."""

    problem: str
    """duplicate, unreadable, ...: a word that stays the same."""
    where: str
    text: str
    error: bool
    """Whether a result is shown wrongly, and not only less well."""


@dataclass(frozen=True)
class Prediction:
    """What the test result page will say."""

    tests: int
    failed: int
    skipped: int
    regressions: tuple[ViewedCase, ...]
    fixed: tuple[ViewedCase, ...]
    truncated: int
    findings: tuple[Finding, ...]

    @property
    def sentence(self) -> str:
        """``413 tests, 2 failed, 1 regression, 3 truncated, 1 duplicate``."""
        kinds = Counter(finding.problem for finding in self.findings if finding.problem != "truncated")
        parts = [f"{self.tests:,} tests", f"{self.failed} failed", f"{self.skipped} skipped"]
        parts += [f"{len(self.regressions)} regressions"] if self.regressions else []
        parts += [f"{len(self.fixed)} fixed"] if self.fixed else []
        parts += [f"{self.truncated} truncated"] if self.truncated else []
        return ", ".join(parts + [f"{number} {kind}" for kind, number in kinds.items()])

    @property
    def wrong(self) -> bool:
        return any(finding.error for finding in self.findings)


def lint(shown: View, earlier: Sequence[View] = ()) -> Prediction:
    """Predict the page of a build.

    :param earlier: the builds before it, newest first; regressions are only known with them.
    """
    conditions = [(case, condition(case, earlier)) for case in shown.cases] if earlier else []
    return Prediction(
        tests=len(shown.cases),
        failed=shown.count("FAILED"),
        skipped=shown.count("SKIPPED"),
        regressions=tuple(case for case, what in conditions if what == "REGRESSION"),
        fixed=tuple(case for case, what in conditions if what == "FIXED"),
        truncated=sum(case.cut > 0 for case in shown.cases),
        findings=(*_of_files(shown), *_of_names(shown), *_of_cases(shown)),
    )


def _of_files(shown: View) -> Iterator[Finding]:
    for file in shown.broken:
        yield Finding("unreadable", file.name, "is shown as a failed test of its own: empty, or not XML", True)
    for file in shown.barren:
        yield Finding("barren", file.name, "has no test; if no file has one, the junit step fails", True)
    for file in dict.fromkeys(case.file for case in shown.cases):
        if (size := file.stat().st_size) > _BIG:
            yield Finding(
                "big", file.name, f"has {size / 1e6:.0f} MB, all of which the controller keeps in memory", False
            )


def _of_names(shown: View) -> Iterator[Finding]:
    often = Counter(case.key for case in shown.cases)
    for (suite, name), number in often.items():
        if number > 1:
            yield Finding("duplicate", suite, f"{name} counts {number} times; history keeps the last", True)
    yield from _clashes(shown)
    for classname, number in Counter(case.classname for case in shown.cases).items():
        if number > _CROWD:
            yield Finding("crowd", classname, f"one class of {number} tests; name classes by area", False)
    for package, number in Counter(case.package for case in shown.cases).items():
        if package == "(root)":
            yield Finding("rootless", package, f"{number} tests have no package; write classnames with a dot", False)
    for case in shown.cases:
        if found := _CHANGING.search(f"{case.suite} {case.classname} {case.name}"):
            text = f"{case.name}: {found[0]!r} changes from build to build, so it has no history"
            yield Finding("changing", case.suite, text, False)


def _clashes(shown: View) -> Iterator[Finding]:
    """Cases of one class, from whatever suite, whose pages Jenkins has to number."""
    pages: dict[tuple[tuple[str, str], str], dict[Key, ViewedCase]] = {}
    for case in shown.cases:
        page = class_address(case.classname), case_address(case.name or "(?)")
        pages.setdefault(page, {})[case.key] = case
    for alike in pages.values():
        if len(alike) < 2:
            continue
        names = sorted({case.name for case in alike.values()})
        if len(names) == 1:
            names = sorted(f"{case.name} of {case.suite}" for case in alike.values())
        text = f"{' and '.join(names)} want one address; which of them gets a number depends on their order"
        yield Finding("clash", next(iter(alike.values())).classname, text, True)


def _of_cases(shown: View) -> Iterator[Finding]:
    for case in shown.cases:
        where = f"{case.classname}.{case.name}"
        if case.hidden:
            yield Finding("hidden", where, "failed and was skipped: shown as skipped only", True)
        if case.status == "FAILED" and not (case.details or case.trace):
            yield Finding("silent", where, "fails without a word", False)
        if case.cut:
            yield Finding("truncated", where, f"{case.cut:,} characters of output are not shown", False)
        if case.unseen_attempts:
            yield Finding("unseen", where, "has flakyError or rerunError, which Jenkins does not read", False)
        for line in (case.stdout + case.stderr).splitlines():
            path = line.removeprefix("[[ATTACHMENT|").removesuffix("]]")
            if line.startswith("[[ATTACHMENT|") and not Path(path).is_file():
                yield Finding("attachment", where, f"{path} is not there", False)
