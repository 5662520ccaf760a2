"""SpecRunner against a program that speaks the protocol as e2e.test does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.ginkgo.api import Spec
from harness.ginkgo.inventory import load_inventory
from harness.ginkgo.process import Program, SpecRunner

from .builds import make_build, ran

Start = Callable[..., tuple[SpecRunner, dict[str, Spec]]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runners = []

    def begin(*texts: str) -> tuple[SpecRunner, dict[str, Spec]]:
        folder = make_build(tmp_path, *texts)
        program = Program(
            folder / "bin" / "e2e.test", folder / "kubeconfig", folder / "kubectl", 2, folder / "logs" / "e2e.log", 0.5
        )
        runner = SpecRunner(program, {**os.environ, "KUBECONFIG": "/of/somebody/else"})
        runners.append(runner)
        return runner, {spec.name: spec for spec in load_inventory(folder / "inventory.json")}

    yield begin
    for runner in runners:
        runner.close()


def test_chosen_specs_run_in_chosen_order_in_one_process(start: Start, tmp_path: Path) -> None:
    runner, specs = start("[sig-a] one", "[sig-b] serial [Serial]", "[sig-a] two", "[sig-a] three [Conformance]")
    for name in ("[sig-a] three", "[sig-a] one", "[sig-a] two"):
        result = runner.run(specs[name], 10)
        assert (result.state, result.steps[0].text) == ("passed", "looking")
        assert result.output.startswith(f"output of {name}")
    assert [text for _, text in ran(tmp_path)] == ["[sig-a] three [Conformance]", "[sig-a] one", "[sig-a] two"]
    assert len({process for process, _ in ran(tmp_path)}) == 1


def test_a_serial_spec_runs_alone_in_process_1_and_nothing_else_with_it(start: Start, tmp_path: Path) -> None:
    runner, specs = start("[sig-a] one", "[sig-b] x (y) [Serial]", "[sig-b] x (y) z [Serial]", "[sig-b] fails [Serial]")
    assert runner.run(specs["[sig-b] x (y) z"], 10).state == "passed"
    assert runner.run(specs["[sig-b] fails"], 10).state == "failed"
    assert [text for _, text in ran(tmp_path)] == ["[sig-b] x (y) z [Serial]", "[sig-b] fails [Serial]"]


def test_failures_and_skips_tell_why_and_where(start: Start) -> None:
    runner, specs = start("[sig-a] fails", "[sig-a] skips", "[sig-a] one")
    failed = runner.run(specs["[sig-a] fails"], 10)
    assert (failed.state, failed.message, failed.location) == (
        "failed",
        "expected 1, got 2\nmore",
        "test/e2e/apps/job.go:12",
    )
    skipped = runner.run(specs["[sig-a] skips"], 10)
    assert (skipped.state, skipped.message) == ("skipped", "needs IPv6")
    assert runner.run(specs["[sig-a] one"], 10).state == "passed"


def test_a_process_that_dies_loses_only_the_spec_it_ran(start: Start, tmp_path: Path) -> None:
    runner, specs = start("[sig-a] dies", "[sig-a] one")
    lost = runner.run(specs["[sig-a] dies"], 10)
    assert lost.state == "lost"
    assert "code 3" in lost.message
    assert "panic: dies" in lost.output
    assert runner.run(specs["[sig-a] one"], 10).state == "passed"
    assert len({process for process, _ in ran(tmp_path)}) == 2


@pytest.mark.parametrize(("kind", "phrase"), [("hangs", "did not end within"), ("deaf", "killed")])
def test_a_spec_that_hangs_is_interrupted_then_killed(start: Start, kind: str, phrase: str) -> None:
    runner, specs = start(f"[sig-a] {kind}", "[sig-a] one")
    assert runner.run(specs["[sig-a] one"], 10).state == "passed"
    began = time.monotonic()
    result = runner.run(specs[f"[sig-a] {kind}"], 0.5)
    assert result.state == "timedout"
    assert phrase in result.message
    assert time.monotonic() - began < 60
    if kind == "deaf":
        assert "it was at the step: waiting for ever" in result.message
        assert "goroutine 0 [" in result.output
        assert "goroutine 1999 [" in result.output
    assert runner.run(specs["[sig-a] one"], 10).state == "passed"


def test_a_suite_that_cannot_be_set_up_is_no_failure_of_the_spec(start: Start, tmp_path: Path) -> None:
    runner, specs = start("[sig-a] one")
    (tmp_path / "broken").touch()
    result = runner.run(specs["[sig-a] one"], 10)
    assert result.state == "lost"
    assert "SynchronizedBeforeSuite of e2e.test: no nodes" in result.message


def test_another_spec_than_asked_for_is_an_error_of_ours(start: Start) -> None:
    runner, specs = start("[sig-a] lies", "[sig-a] one")
    with pytest.raises(HarnessError, match=r"e2e.test ran '\[sig-a\] another'"):
        runner.run(specs["[sig-a] lies"], 10)
    with pytest.raises(HarnessError, match="Ordered"):
        runner.run(replace(specs["[sig-a] one"], index=-1), 10)


def test_an_expected_serial_spec_finds_its_process_started(start: Start, tmp_path: Path) -> None:
    runner, specs = start("[sig-a] one", "[sig-b] x [Serial]", "[sig-b] y [Serial]")
    runner.start(early=True)
    runner.expect(specs["[sig-b] y"])  # plans change
    runner.expect(specs["[sig-b] x"])
    runner.expect(specs["[sig-a] one"])
    assert runner.run(specs["[sig-a] one"], 10).state == "passed"
    assert [text for _, text in ran(tmp_path)] == ["[sig-a] one"]
    assert runner.run(specs["[sig-b] x"], 10).state == "passed"
    assert [text for _, text in ran(tmp_path)] == ["[sig-a] one", "[sig-b] x [Serial]"]
