"""Two runs side by side, from folders, with a past that tells noise and flakes from news."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from harness.errors import Outcome, UsageError
from harness.reporting.comparison.commits import address, revision
from harness.reporting.comparison.noise import bounds
from harness.reporting.comparison.past import restless
from harness.reporting.comparison.sides import compared

from .days import ABORTED, CLOUD, FAILED, FLAKY, HARNESS, PASSED, SKIPPED, Reports, harness, names


def test_every_kind_of_difference(reports: Reports) -> None:
    base = reports.run(
        {"a": PASSED, "b": FAILED, "c": FAILED, "d": PASSED, "e": PASSED, "f": PASSED, "g": SKIPPED, "h": SKIPPED}
    )
    run = reports.run(
        {
            "a": FAILED,
            "b": FAILED,
            "c": PASSED,
            "d": FLAKY,
            "e": SKIPPED,
            "g": FAILED,
            "h": SKIPPED,
            "i": FAILED,
            "j": PASSED,
        }
    )
    found = compared(reports.path, run, base, {})
    assert names(found.new) == ["a", "g", "i"]
    assert names(found.still) == ["b"]
    assert names(found.fixed) == ["c"]
    assert names(found.flaky) == ["d"]
    assert names(found.unrun) == ["e"]
    assert names(found.vanished) == ["f"]
    assert found.added == 2
    assert found.executed == {"conformance": (6, 7)}
    assert (found.known, found.slower) == ((), ())


def test_age_counts_runs_in_a_row_and_passes_over_those_without_the_test(reports: Reports) -> None:
    reports.run({"a": FAILED, "b": PASSED})
    reports.run({"a": PASSED, "b": PASSED})
    first = reports.run({"a": FAILED, "b": PASSED})
    reports.run({"b": PASSED})
    reports.run({"a": FAILED, "b": PASSED})
    found = compared(reports.path, reports.run({"a": FAILED, "b": FAILED}), reports.run({"x": PASSED}), {})
    assert {item.case.name: (item.age, item.since) for item in found.new} == {"a": (3, first), "b": (1, "")}


def test_last_green_skips_red_running_and_foreign_runs(reports: Reports) -> None:
    green = reports.run({"a": PASSED})
    reports.run({"a": FAILED})
    reports.run({"a": PASSED}, ended="deploy")
    reports.run({"a": PASSED}, suite="volumes")
    run = reports.run({"a": FAILED})
    reports.run({"a": PASSED})
    assert compared(reports.path, run, "last-green", {}).base.label == green
    assert compared(reports.path, run, "", {}).why == "the last green run"


def test_without_a_green_run_the_one_before_is_taken_unless_green_was_asked_for(reports: Reports) -> None:
    red = reports.run({"a": FAILED})
    run = reports.run({"a": FAILED})
    assert compared(reports.path, run, "", {}).base.label == red
    with pytest.raises(UsageError, match="no green run"):
        compared(reports.path, run, "last-green", {})
    with pytest.raises(UsageError, match="name the base"):
        compared(reports.path, red, "", {})


def test_cells_of_other_versions_are_matched_where_that_is_unambiguous(reports: Reports) -> None:
    old = reports.run({"a": PASSED}, versions=("v1.37.1",))
    new = reports.run({"a": FAILED}, versions=("v1.37.2",))
    two = reports.run({"a": FAILED}, versions=("v1.37.3", "v1.37.4"))
    assert names(compared(reports.path, new, old, {}).new) == ["a"]
    assert compared(reports.path, two, old, {}).pairs == (("", ""),)
    both = compared(reports.path, two, reports.run({"a": PASSED}, versions=("v1.37.3", "v1.37.9")), {})
    assert len(both.pairs) == 3


def test_a_test_known_to_be_flaky_is_kept_apart(reports: Reports) -> None:
    for outcome in (PASSED, FAILED, PASSED, FAILED, PASSED):
        reports.run({"restless": outcome, "steady": PASSED})
    found = compared(reports.path, reports.run({"restless": FAILED, "steady": FAILED}), "", {})
    assert (names(found.known), names(found.new)) == (["restless"], ["steady"])


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ([], False),
        ([FAILED, FAILED, FAILED], False),
        ([PASSED, FAILED, FAILED, PASSED], False),
        ([PASSED, FAILED, PASSED, FAILED], True),
        ([FLAKY, PASSED, FLAKY], True),
        ([FLAKY, PASSED, FAILED], True),
        ([PASSED, CLOUD, PASSED, ABORTED, PASSED, HARNESS, PASSED], False),
        ([PASSED, CLOUD, FAILED, PASSED, ABORTED, FAILED], True),
    ],
)
def test_restless(past: list[Outcome], expected: bool) -> None:
    assert restless(past) is expected


def test_outages_of_the_past_make_no_regression_a_known_flake(reports: Reports) -> None:
    for outcome in (PASSED, CLOUD, PASSED, ABORTED, PASSED):
        reports.run({"a": outcome})
    found = compared(reports.path, reports.run({"a": FAILED}), "", {})
    assert (names(found.new), names(found.known)) == (["a"], [])


def test_what_an_outage_cut_off_in_the_base_is_looked_for_further_back(
    reports: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--reports", str(reports.path))
    reports.run({"green": PASSED, "red": FAILED, "mended": FAILED, "missing": FAILED, "fine": PASSED})
    base = reports.run(
        {"green": CLOUD, "red": HARNESS, "mended": CLOUD, "missing": SKIPPED, "fine": CLOUD, "first": CLOUD}
    )
    run = reports.run(
        {"green": FAILED, "red": FAILED, "mended": PASSED, "missing": FAILED, "fine": PASSED, "first": FAILED}
    )
    found = compared(reports.path, run, base, {})
    assert names(found.new) == ["first", "green"]
    assert {item.case.name: item.age for item in found.still} == {"missing": 2, "red": 2}
    assert names(found.fixed) == ["mended"]
    assert harness(run, base, "--fail-on", "new", *place) == 1
    assert "cloud in the base, failed before that" in capsys.readouterr().out


def test_ages_pass_over_outages(reports: Reports) -> None:
    first = reports.run({"a": FAILED})
    base = reports.run({"a": FAILED})
    reports.run({"a": CLOUD})
    (found,) = compared(reports.path, reports.run({"a": FAILED}), base, {}).still
    assert (found.age, found.since) == (3, first)


def test_slower_is_beyond_the_noise_of_the_past(reports: Reports) -> None:
    noisy, steady = (10, 40, 14, 25, 60, 12, 33), (10.0, 10.4, 9.8, 10.1, 10.2, 9.9, 10.3)
    for loud, calm in zip(noisy, steady, strict=True):
        reports.run({"noisy": (PASSED, loud), "steady": (PASSED, calm), "quick": (PASSED, 0.1)})
    found = compared(
        reports.path, reports.run({"noisy": (PASSED, 80), "steady": (PASSED, 14), "quick": (PASSED, 0.9)}), "", {}
    )
    (slower,) = found.slower
    assert slower.case.name == "steady"
    assert slower.usual[0] == pytest.approx(10.1, abs=0.05)
    assert slower.usual[2] < 13


def test_too_few_results_tell_no_usual_time() -> None:
    assert bounds([1.0] * 4) is None
    assert bounds([0.0] * 5) is not None


def test_versions_have_an_address() -> None:
    assert revision("v1.37.2") == "v1.37.2"
    assert revision("v1.38.0-alpha.1.42+0123456789abcd") == "0123456789abcd"
    assert revision("v1.38.0-alpha.1-42-g0123456789ab-dirty") == "0123456789ab"
    assert revision("v1.38.0-alpha.1.42") == ""
    assert address("v1.37.1", "v1.37.2") == "https://github.com/kubernetes/kubernetes/compare/v1.37.1...v1.37.2"
    assert address("nowhere", "v1.37.2") == ""


def test_formats(reports: Reports, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--reports", str(reports.path))
    base = reports.run({"a": PASSED, "b": FAILED}, versions=("v1.37.1",))
    run = reports.run({"a": FAILED, "b": PASSED})
    assert harness(run, base, "--format", "json", *place) == 0
    raw = json.loads(capsys.readouterr().out)
    assert raw["counts"]["new"] == 1
    assert raw["new"][0]["name"] == "a"
    assert raw["kubernetes"][0]["address"].endswith("v1.37.1...v1.37.2")
    assert harness(run, base, "--format", "markdown", *place) == 0
    assert "### New failures (1)\n\n- **conformance: a**" in capsys.readouterr().out
    checkout = tmp_path / "kubernetes"
    for arguments in (["init", "-q"], ["commit", "-qm", "first", "--allow-empty"], ["tag", "v1.37.1"],
                      ["commit", "-qm", "Break the scheduler", "--allow-empty"], ["tag", "v1.37.2"]):  # fmt: skip
        identity = ["-c", "user.name=m", "-c", "user.email=m@example.org"]
        subprocess.run(
            ["git", *identity, "-C", str(checkout), *arguments]
            if checkout.exists()
            else ["git", "init", "-q", str(checkout)],
            check=True,
        )
    assert harness(run, base, "--checkout", str(checkout), *place) == 0
    assert "Break the scheduler" in capsys.readouterr().out
