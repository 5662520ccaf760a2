"""``harness bisect``: the first Kubernetes on which a test fails."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from harness.bisection.api import Subject
from harness.cli.options import setting_options, settings_from
from harness.errors import UsageError
from harness.reporting.history.api import CaseRecord, identity
from harness.reporting.history.index import history
from harness.runs.plan import known_suites, suites_folder
from harness.settings import options

_PASSED_ON = (
    "cloud",
    "deployer",
    "location",
    "tests",
    "control_planes",
    "workers",
    "deadline",
    "cache",
    "cache_limit",
    "state",
    "subscription",
    "vm_size",
    "storage_account",
    "hold",
)
_RUNS = 20
"""Newest runs in which a name is looked for."""
_START = "from harness.cli.main import main; main()"


@click.command("bisect")
@click.argument("test")
@click.option(
    "--good", required=True, metavar="V", help="A version, or with --checkout a commit, on which TEST passes."
)
@click.option("--bad", required=True, metavar="V", help="A later one on which it fails.")
@click.option(
    "--checkout",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Search the commits of this clone of Kubernetes, instead of releases.",
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Runs that must pass before a version counts as good.  [1]",
)
@click.option("--restart", is_flag=True, help="Forget the steps of an earlier, interrupted search for the same.")
@setting_options("reports", *_PASSED_ON)
def command(test: str, good: str, bad: str, checkout: Path | None, repeat: int, restart: bool, **flags: Any) -> None:
    """Find the first version of Kubernetes on which TEST fails: its node id, or its full name in an earlier run.

    Each step is an ordinary harness run of that one test, and builds are kept in the cache. When interrupted, the same command goes on.
    """
    from harness import atomic
    from harness.bisection.bisect import bisect, told
    from harness.bisection.record import Record
    from harness.bisection.runner import ChildRuns
    from harness.bisection.walks import Commits, Versions

    reports = settings_from(flags).reports
    subject = _subject(test, reports)
    given = _given(flags)
    question = {
        "suite": subject.suite,
        "test": subject.nodeid or identity(subject.name, subject.classname),
        "good": good,
        "bad": bad,
        "checkout": str(checkout or ""),
        "flags": given,
        "repeat": repeat,
    }
    record = Record.open(reports, question)
    if restart:
        record.forget()
    child = (sys.executable, "-m", "harness.cli.child", str(os.getpid()), "-c", _START)
    runner = ChildRuns(child, (*given, "--conformance", "full"), repeat)
    walk = Commits(checkout) if checkout else Versions()
    answer = bisect(walk, runner, record, subject, (good, bad), click.echo)
    text = told(answer)
    atomic.write(record.folder / "answer.txt", text)
    click.echo("\n" + text, nl=False)


def _given(flags: dict[str, Any]) -> tuple[str, ...]:
    """The flags of this command that every step gets as well."""
    found: list[str] = []
    for option in options():
        value = flags.get(option.name) if option.name in _PASSED_ON else None
        if value is not None and value != ():
            for part in value if option.repeatable else (value,):
                found += [option.flag, str(part)]
    return tuple(found)


def _subject(test: str, reports: Path) -> Subject:
    """A node id says it all; a name is looked up in the newest runs.

    :raises UsageError: if no run has it, or several tests are called so.
    """
    suites = known_suites(suites_folder(Path.cwd()))
    file, _, name = test.partition("::")
    parts = Path(file).parts
    if name and "suites" in parts[:-1]:
        suite = parts[parts.index("suites") + 1]
        if suite not in suites:
            raise UsageError(f"{test}: unknown suite {suite!r}", hint=f"there are: {', '.join(suites)}")
        if not file.endswith(".py"):
            return Subject(suite, name, nodeid=test)
        *classes, function = name.partition("[")[0].split("::")
        classname = ".".join((suite, Path(file).stem, *classes))
        return Subject(suite, function + name.removeprefix("::".join((*classes, function))), classname, test)
    return _named(test, reports)


def _named(test: str, reports: Path) -> Subject:
    """The one test of the newest runs that is called so, by its name or with its module before it."""
    found: dict[tuple[str, str], CaseRecord] = {}
    with history(reports) as past:
        for run in past.runs[-_RUNS:]:
            found |= {(case.suite, case.test): case for case in past.cases(run.run) if test in (case.name, case.test)}
    if not found:
        raise UsageError(
            f"no earlier run in {reports} has a test named {test!r}",
            hint="give its node id: suites/SUITE/specs.yaml::NAME",
        )
    if len(found) > 1:
        names = ", ".join(f"{suite}: {one}" for suite, one in sorted(found))
        raise UsageError(
            f"{test!r} is the name of {len(found)} tests: {names}",
            hint="give one of these in full, without its suite, or its node id: suites/SUITE/FILE::NAME",
        )
    (case,) = found.values()
    return Subject(case.suite, case.name, case.classname)
