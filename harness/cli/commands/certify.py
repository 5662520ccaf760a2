"""``harness certify``: a run's results as a CNCF conformance submission, or why they are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.certification import product, rules
from harness.certification.bundle import Bundle, make
from harness.certification.evidence import gather
from harness.cli.options import setting_options, settings_from
from harness.errors import EXIT_CODES, Outcome
from harness.runs.folder import RunFolder


@click.command("certify")
@click.argument("run", default="latest")
@setting_options("reports")
@click.option("--cell", default="", metavar="NAME", help="Which cell, if the run has several.")
@click.option(
    "--product",
    "product_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The vendor's PRODUCT.yaml.  [PRODUCT.yaml, if it is there]",
)
@click.option("--newest", default="", metavar="VERSION", help="Newest release of Kubernetes: is this one still taken?")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the folder vX.Y goes.  [certification/ of the run]",
)
def command(run: str, cell: str, product_file: Path | None, newest: str, output: Path | None, **flags: Any) -> int:
    """Write RUN (its id or folder; the newest by default) as a CNCF conformance submission, or say why it does not qualify.

    The run has to be one of `--suite conformance --conformance full` in which every spec passed at once.
    """
    folder = RunFolder.find(settings_from(flags).reports, run)
    given = product_file or Path(product.FILE)
    text = product.read(given) if product_file or given.is_file() else ""
    evidence = gather(folder, cell)
    bundle = make(evidence, text, newest)
    if bundle.reasons:
        _refuse(bundle, evidence.cell.name)
        if not text:
            click.echo(
                f"name the vendor's PRODUCT.yaml with --product; fields: {', '.join(product.REQUIRED)}", err=True
            )
        return EXIT_CODES[Outcome.FAILED]
    _tell(bundle, bundle.write(output or folder.path / "certification"), newest)
    return EXIT_CODES[Outcome.PASSED]


def _refuse(bundle: Bundle, cell: str) -> None:
    click.echo(f"{cell} does not qualify:", err=True)
    for reason in bundle.reasons:
        click.echo(f"  {reason.title}", err=True)
        for detail in reason.details:
            click.echo(f"    {detail}", err=True)


def _tell(bundle: Bundle, folder: Path, newest: str) -> None:
    """What was written, what to do with it, and what nobody has checked yet."""
    submission = bundle.submission
    click.echo(f"qualifies: {len(submission.required)} of {len(submission.required)} specs passed", err=True)
    click.echo(f"pull request to cncf/k8s-conformance: {submission.title}", err=True)
    open_ = [
        *rules.UNCHECKED,
        *([] if newest else [f"that {submission.release} is one of the newest three (--newest)"]),
    ]
    click.echo(f"not checked here: {'; '.join(open_)}", err=True)
    click.echo(folder)
