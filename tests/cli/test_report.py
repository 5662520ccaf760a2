"""``harness report`` and ``harness bisect`` as commands, without running anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reporting.synthetic import CELL, RUN, Folder, result

from harness.cli.main import invoke
from harness.errors import Outcome
from harness.reporting.results import dump


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = Folder(tmp_path / RUN)
    folder.up()
    folder.results([result("[sig-apps] good"), result("[sig-apps] bad", Outcome.FAILED, message="no endpoints")])
    folder.down()
    folder.ended("failed")
    return tmp_path


def test_a_run_alone_writes_its_reports(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["report", RUN, "--reports", str(reports)]) == 0
    assert capsys.readouterr().out.strip() == str(reports / RUN / "index.html")
    assert (reports / RUN / "summary.md").is_file()
    assert not (reports / RUN / "portable").exists()


def test_formats_and_flavours(
    reports: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILD_URL", "https://ci.example.org/job/nightly/42/")
    monkeypatch.setenv("WORKSPACE", str(reports.parent))
    (reports / "latest").symlink_to(RUN)
    place = ("--reports", str(reports))
    for asked in (RUN, "latest"):  # a job archives the folder by the name by which it asks for its report
        assert invoke(["report", asked, "--format", "markdown", "--junit", "portable", *place]) == 0
        out = capsys.readouterr().out
        assert f"https://ci.example.org/job/nightly/42/artifact/{reports.name}/{asked}/index.html" in out
    assert invoke(["report", str(reports / RUN), "--format", "markdown"]) == 0
    assert f"/artifact/{reports.name}/{RUN}/index.html" in capsys.readouterr().out
    assert (reports / RUN / "portable" / f"junit_{CELL}_conformance.xml").is_file()
    assert invoke(["report", RUN, "--format", "text", *place]) == 0
    assert "no endpoints" in capsys.readouterr().out
    assert invoke(["report", "nowhere", *place]) == 2


def test_a_base_from_elsewhere_is_in_the_summary_too(
    reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of reports that is made for one build and deleted with it has no past of its own."""
    (reports / "latest").symlink_to(RUN)
    case = {"className": "v1_37_2-kubeadm-westeurope.suites", "name": "[sig-apps] bad", "status": "FAILED", "age": 3}
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({"suites": [{"name": "v1_37_2-kubeadm-westeurope.conformance", "cases": [case]}]}))
    place = ("--reports", str(reports))
    assert invoke(["report", "latest", "--format", "markdown", "--base", str(saved), *place]) == 0
    out = capsys.readouterr().out
    assert "Against `saved.json`" in out
    assert "Against `saved.json`" in (reports / RUN / "summary.md").read_text()


def test_without_its_base_a_report_says_so_and_is_written(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for base in ("http://127.0.0.1:1/job/nightly/", "nulljob/nightly/"):
        assert invoke(["report", RUN, "--format", "markdown", "--base", base, "--reports", str(reports)]) == 0
        captured = capsys.readouterr()
        assert captured.err.startswith("harness: not compared")
        assert base in captured.err
        assert "### Failures (1)" in captured.out


def test_lint_ends_with_1_only_for_what_is_shown_wrongly(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--reports", str(reports))
    assert invoke(["report", RUN, *place]) == 0
    capsys.readouterr()
    assert invoke(["report", "lint", RUN, *place]) == 0
    assert capsys.readouterr().out.startswith("7 tests, 1 failed, 0 skipped")
    broken = reports / "broken.xml"
    broken.write_text("<testsuite>")
    assert invoke(["report", "lint", str(broken), *place]) == 1
    assert "unreadable: broken.xml" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("[sig-apps] unheard of", "no earlier run"),
        ("suites/nowhere/specs.yaml::x", "unknown suite 'nowhere'"),
        ("[sig-apps] bad", "does not come before"),  # the test is found; then the versions are looked at
    ],
)
def test_bisect_says_what_is_wrong_with_its_question(
    reports: Path, capsys: pytest.CaptureFixture[str], test: str, said: str
) -> None:
    arguments = ["bisect", test, "--good", "v1.37.2", "--bad", "v1.36.3", "--reports", str(reports)]
    assert invoke(arguments) == 2
    assert said in capsys.readouterr().err


def test_bisect_refuses_a_name_that_several_tests_have(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that lists them; with its module before it, the name is one test's."""
    tests = [
        result(
            "test_pod",
            suite="volumes",
            classname=f"volumes.test_{module}",
            nodeid=f"suites/volumes/test_{module}.py::test_pod",
        )
        for module in ("disk", "file")
    ]
    with (reports / RUN / "results.jsonl").open("a") as file:
        file.writelines(dump(test) + "\n" for test in tests)
    ends = ["--good", "v1.37.2", "--bad", "v1.36.3", "--reports", str(reports)]
    assert invoke(["bisect", "test_pod", *ends]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "2 tests: volumes: volumes.test_disk::test_pod, volumes: volumes.test_file::test_pod" in said
    for module in ("disk", "file"):
        assert invoke(["bisect", f"volumes.test_{module}::test_pod", *ends]) == 2
        assert "does not come before" in capsys.readouterr().err
    questions = [json.loads(path.read_text())["test"] for path in reports.glob("bisect-*/question.json")]
    assert sorted(questions) == ["volumes.test_disk::test_pod", "volumes.test_file::test_pod"]
