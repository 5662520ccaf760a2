"""What was published is compared: JUnit as it is written, through a server, back into two sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reporting.synthetic import CELL, Folder, result

import jenkins
from harness import reporting
from harness.cli.main import invoke
from harness.errors import Outcome
from harness.publishing.ingest import JOB
from harness.publishing.publication import publication

from .contract.running import Contract
from .contract.security import TOKEN, USER
from .test_publish import publish

PASSED, FAILED, CLOUD = Outcome.PASSED, Outcome.FAILED, Outcome.CLOUD


def built(contract: Contract, folder: Path, **outcomes: Outcome) -> str:
    """The address of a build that has these tests."""
    made = Folder(folder)
    made.up()
    made.results([result(name, outcome) for name, outcome in outcomes.items()])
    made.down(CELL)
    made.ended("failed" if FAILED in outcomes.values() else "passed")
    return publish(contract, replace(publication(reporting.write(made.path)), run=folder.name)).where


def test_published_builds_are_compared(
    contract: Contract, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JENKINS_USER_ID", USER)
    monkeypatch.setenv("JENKINS_API_TOKEN", TOKEN)
    place = ("--reports", str(tmp_path / "none"))
    (tmp_path / "none").mkdir()
    names = [f"20261124-223010-{number:04x}" for number in range(3)]
    green = built(contract, tmp_path / names[0], a=PASSED, b=PASSED)
    cut = built(contract, tmp_path / names[1], a=CLOUD, b=PASSED)
    red = built(contract, tmp_path / names[2], a=FAILED, b=PASSED)

    def compared(*sides: str) -> str:
        assert invoke(["compare", *sides, "--fail-on", "new", *place]) == 1
        return capsys.readouterr().out

    said = compared(red, "last-green")
    number = green.rstrip("/").rpartition("/")[2]
    assert f"against {JOB}/{number} (passed), the last stable build" in said
    assert "New failures (1)" in said
    assert "New failures (1)" in compared(red, cut)
    assert "New failures (1)" in compared(red, f"{contract.url}job/{JOB}/last-green")


def test_permalinks_as_another_client_finds_them(contract: Contract, tmp_path: Path) -> None:
    green = built(contract, tmp_path / "20261125-223010-0001", a=PASSED)
    red = built(contract, tmp_path / "20261125-223010-0002", a=FAILED)
    found: dict[str, Any] = jenkins.Jenkins(contract.url, USER, TOKEN).get_job_info(JOB)
    assert (found["lastStableBuild"]["url"], found["lastUnstableBuild"]["url"]) == (green, red)
