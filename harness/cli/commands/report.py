"""``harness report``: a run's reports again from its ledger and results, in other formats, and what Jenkins will make of its JUnit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.errors import UsageError
from harness.runs.folder import RunFolder

_JUNIT = ("full", "portable")


class Group(click.Group):
    """``harness report RUN`` is ``harness report write RUN``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["write", *args]
        return super().parse_args(ctx, args)


@click.group("report", cls=Group)
def command() -> None:
    """Write JUnit, HTML and Markdown of a run again, or predict what Jenkins will show of them.

    harness report RUN is short for harness report write RUN.
    """


@command.command("write")
@click.argument("run", default="latest")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["paths", "text", "markdown"]),
    default="paths",
    help="What to print: where the page is, the summary for a terminal, or that for GitHub's checks (at most 65,535 bytes).  [paths]",
)
@click.option(
    "--junit",
    type=click.Choice(_JUNIT),
    default="full",
    help="portable: also JUnit for strict readers, in RUN/portable/.  [full]",
)
@click.option(
    "--artifacts-url",
    default="",
    metavar="URL",
    help="Where the run's folder can be read, for links in Markdown.  [in Jenkins: from BUILD_URL]",
)
@click.option(
    "--base",
    default="",
    metavar="BASE",
    help="What the summary compares with, as in harness compare; left out if it is not to be had.  [the last green run beside RUN]",
)
@setting_options("reports")
def write(run: str, kind: str, junit: str, artifacts_url: str, base: str, **flags: Any) -> None:
    """Write all reports of RUN (its id or folder; the newest by default) again."""
    from harness.reporting.writer import write_all

    reports = settings_from(flags).reports
    folder = RunFolder.find(reports, run)
    report, comparison = write_all(folder.path, base)
    if base and comparison is None:
        click.echo(f"harness: {report.warnings[-1]}", err=True)
    if junit == "portable":
        from harness.reporting.junit import write as write_junit
        from harness.reporting.junit.api import PORTABLE

        write_junit(report, PORTABLE)
    if kind == "text":
        from harness.reporting.console import plain

        click.echo(plain(report))
    elif kind == "markdown":
        from harness.reporting.markdown import render

        named = reports.resolve() / run if (reports / run).exists() else folder.path
        click.echo(render(report, comparison, artifacts_url or _jenkins_url(named)), nl=False)
    else:
        click.echo(folder.path / "index.html")


def _jenkins_url(folder: Path) -> str:
    """Where Jenkins serves an archived folder of the workspace, by the name by which it was asked for: ``latest`` is archived as such."""
    build, workspace = os.environ.get("BUILD_URL", ""), os.environ.get("WORKSPACE", "")
    if not (build and workspace) or not folder.is_relative_to(Path(workspace).resolve()):
        return ""
    return f"{build.rstrip('/')}/artifact/{folder.relative_to(Path(workspace).resolve())}"


@command.command("lint")
@click.argument("what", nargs=-1, metavar="RUN|FILE...")
@click.option(
    "--base",
    "bases",
    multiple=True,
    metavar="RUN|FILE",
    help="An earlier build, newest first; then regressions are predicted as well (repeatable).  [the runs before RUN]",
)
@click.option(
    "--retention",
    type=click.Choice(["NONE", "FAILED", "ALL"]),
    default="NONE",
    help="stdioRetention of the junit step.  [NONE]",
)
@setting_options("reports")
def lint(what: Sequence[str], bases: Sequence[str], retention: str, **flags: Any) -> int:
    """Predict what Jenkins' junit plugin will show of a run or of JUnit files, and what it will show wrongly (exit code 1)."""
    from harness.reporting.jenkins.lint import lint as predict
    from harness.reporting.jenkins.view import BACK, view

    reports = settings_from(flags).reports
    files = _files(reports, what or ("latest",))
    earlier = [_files(reports, (base,)) for base in bases] or _before(reports, what, BACK)
    found = predict(view(files, retention), [view(group, retention) for group in earlier])
    click.echo(found.sentence)
    for case in found.regressions:
        click.echo(f"  regression  {case.classname}.{case.name}")
    for finding in sorted(found.findings, key=lambda finding: not finding.error):
        click.echo(f"  {'error' if finding.error else 'note '}  {finding.problem}: {finding.where}: {finding.text}")
    return 1 if found.wrong else 0


def _files(reports: Path, what: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for name in what:
        path = Path(name)
        if path.is_file():
            found.append(path)
            continue
        folder = RunFolder.find(reports, name).path
        found += sorted((folder / "artifacts").glob("junit_*.xml"))
    if not found:
        raise UsageError("there are no JUnit files", hint="write them: harness report RUN")
    return found


def _before(reports: Path, what: Sequence[str], most: int) -> list[list[Path]]:
    """JUnit of the runs before this one, newest first; nothing for single files."""
    if len(what) > 1 or any(Path(name).is_file() for name in what):
        return []
    this = RunFolder.find(reports, what[0] if what else "latest").path
    older = [folder.path for folder in RunFolder.all(reports) if folder.path.name < this.name]
    groups = [sorted((folder / "artifacts").glob("junit_*.xml")) for folder in reversed(older[-most:])]
    return [group for group in groups if group]
