"""README.md of the bundle: how somebody else gets the same results, from the run's own plan and build."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from importlib import resources

from jinja2 import Environment, StrictUndefined

from harness.certification.evidence import Evidence
from harness.runs.checks import CONFORMANCE


def render(evidence: Evidence, product: str) -> str:
    """The whole file."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)  # noqa: S701 - Markdown
    template = resources.files("harness.certification").joinpath("readme.md.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        product=product,
        version=evidence.version,
        command=shlex.join(_command(evidence)),
        facts=_facts(evidence),
        clusters=evidence.clusters,
        source=evidence.cell.cell.source,
        run=evidence.report.run,
    )


def _command(evidence: Evidence) -> list[str]:
    cell, settings = evidence.cell.cell, evidence.settings
    clusters = len(evidence.clusters)
    return [
        ".venv/bin/harness", "run", "--suite", CONFORMANCE, "--conformance", "full", "--cloud", evidence.report.cloud,
        "--source", cell.source, "--deployer", cell.deployer, "--location", cell.location,
        "--control-planes", str(settings.control_planes), "--workers", str(settings.workers), "--clusters", str(clusters),
    ]  # fmt: skip


def _facts(evidence: Evidence) -> list[tuple[str, str]]:
    began = datetime.fromtimestamp(evidence.started, UTC)
    cluster = evidence.clusters[0]
    return [
        (
            "specs of conformance.yaml",
            f"{evidence.proof.required}, executed {evidence.proof.required - len(evidence.proof.missing)}",
        ),
        ("started", f"{began:%Y-%m-%d %H:%M:%S} UTC"),
        ("took", f"{evidence.seconds:.0f} s, in {evidence.workers} processes"),
        ("pods", cluster.pod_cidr),
        ("Services", cluster.service_cidr),
    ]
