"""The proof at the end of a session with the conformance suite: a line in the ledger for every cell, and so a lifecycle case in JUnit.

A selection that was narrowed on purpose proves nothing, and says so; a spec that is missing for any other reason fails the run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from harness.builds.conformance import required_specs
from harness.certification.proof import compare
from harness.errors import HarnessError, Outcome
from harness.plugin.context import CellView, Context
from harness.plugin.narrowing import left_out
from harness.plugin.suites import chosen_specs, suites_in
from harness.reporting.api import TestResult
from harness.reporting.results import folded, parse
from harness.runs.api import Phase
from harness.runs.checks import CONFORMANCE
from harness.runs.ledger import Ledger
from harness.runs.phases import record_failure, record_skip
from harness.runs.state import RunState

_FLAGS = {
    "keyword": "-k",
    "markexpr": "-m",
    "lf": "--lf",
    "stepwise": "--stepwise",
    "deselect": "--deselect",
    "ignore": "--ignore",
    "ignore_glob": "--ignore-glob",
}
_SHOWN = 3


def prove(context: Context, config: pytest.Config, *, aborted: bool) -> None:
    """Compare and record, for each cell whose conformance suite was asked for; a failure is in the ledger."""
    if not any(suite.name == CONFORMANCE for suite in suites_in(context)):
        return
    ledger = Ledger(context.run_folder().ledger)
    up = RunState.of(ledger.read()).clusters
    results = _results(context)
    for cell in (cell for cell in context.cells if cell.runs(CONFORMANCE)):
        began = time.monotonic()
        if why := _no_proof(context, config, cell, aborted=aborted, up=cell.name in up):
            record_skip(ledger, cell.name, Phase.PROOF, f"no proof: {why}")
            continue
        try:
            outcome, message = _prove(context, cell, [result for result in results if result.cell == cell.name])
        except HarnessError as error:
            record_failure(ledger, cell.name, Phase.PROOF, error, time.monotonic() - began)
            continue
        seconds = time.monotonic() - began
        ledger.append(
            "phase", cell.name, phase=Phase.PROOF, state=outcome, outcome=outcome, seconds=seconds, message=message
        )


def _no_proof(context: Context, config: pytest.Config, cell: CellView, *, aborted: bool, up: bool) -> str:
    """Why there is nothing to compare; empty if there is."""
    if context.settings.conformance != "full":
        return f"--conformance {context.settings.conformance} is a selection"
    if not cell.build:
        return f"{cell.name} was not built"
    if not up:
        return f"{cell.name} did not come up"
    flags = [flag for name, flag in _FLAGS.items() if getattr(config.option, name, None)]
    flags += ["single tests"] if any("::" in str(argument) for argument in config.args) else []
    if flags:
        return f"narrowed by {', '.join(flags)}"
    return "the run was cut off" if aborted else ""


def _prove(context: Context, cell: CellView, results: Sequence[TestResult]) -> tuple[Outcome, str]:
    """Passed, or skipped if specs were left out on purpose, and a line about it; raises ``ProofError``."""
    assert cell.build is not None
    proof = compare(required_specs(cell.build), results)
    chosen = _left_out(context, cell)
    proof.without(chosen).check()
    if proof.missing:
        named = [f"{name} ({chosen[name]})" for name in proof.missing]
        more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        return (
            Outcome.SKIPPED,
            f"no proof: {len(named)} of {proof.required} specs are left out: {', '.join(named[:_SHOWN])}{more}",
        )
    return Outcome.PASSED, f"all {proof.required} specs of conformance.yaml ran, and no others"


def _left_out(context: Context, cell: CellView) -> dict[str, str]:
    """Specs that people chose not to run, with their reason: by ``skip`` in specs.yaml, by flags, by files."""
    found: dict[str, str] = {}
    for suite in suites_in(context):
        if suite.name == CONFORMANCE:
            for selection in suite.selections():
                chosen = chosen_specs(selection, cell, context)
                found |= {item.spec.name: item.skip for item in chosen if item.skip}
                found |= left_out(context, (item.spec for item in chosen))
    return found


def _results(context: Context) -> list[TestResult]:
    """Of the conformance suite."""
    path = context.run_folder().results
    lines = path.read_bytes().splitlines() if path.exists() else []
    results = [result for line in lines if (result := parse(line)) and result.suite == CONFORMANCE]
    return folded(results)
