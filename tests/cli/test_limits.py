"""The limits around a command that goes on with a run are compared before anything begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs.actors import parts, settings_in

from harness.cli.main import invoke
from harness.runs.api import Keep
from harness.runs.lifecycle import Lifecycle


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lifecycle:
    """A run with clusters, made in a Jenkins step of ten minutes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites" / "s").mkdir(parents=True)
    (tmp_path / "suites" / "s" / "test_s.py").touch()
    lifecycle = Lifecycle.open(settings_in(tmp_path).changed(step_limit="10m"), None, parts=parts())
    lifecycle.prepare()
    lifecycle.start()
    lifecycle.join()
    lifecycle.finish(aborted=False, keep=Keep.ALWAYS)
    return lifecycle


@pytest.mark.parametrize("words", [["test", "--run"], ["run", "--resume"]], ids=["test", "resume"])
@pytest.mark.parametrize("by_flag", [True, False])
def test_a_deadline_that_the_step_around_does_not_allow(
    kept: Lifecycle,
    words: list[str],
    by_flag: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = kept.ledger.path.read_text()
    if not by_flag:
        monkeypatch.setenv("HARNESS_STEP_LIMIT", "15m")
    flags = ["--deadline", "20m", *(["--step-limit", "15m"] if by_flag else [])]
    assert invoke([*words, kept.plan.run, "--reports", str(kept.settings.reports), *flags]) == 2
    said = capsys.readouterr().err
    assert "--deadline 20m is not shorter than --step-limit 15m" in said
    assert said.count("\n") == 1
    assert kept.ledger.path.read_text() == before


@pytest.mark.parametrize("words", [["test", "--run"], ["run", "--resume"]], ids=["test", "resume"])
def test_the_step_that_made_the_run_limits_no_other(
    kept: Lifecycle, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    kept.ledger.append("run", state="started", run=kept.plan.run, pid=12, pid_started="b:1", host="elsewhere/1")
    assert invoke([*words, kept.plan.run, "--reports", str(kept.settings.reports), "--deadline", "20m"]) == 2
    assert "--step-limit" not in capsys.readouterr().err, "refused for another reason, after limits were compared"
