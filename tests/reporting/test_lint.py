"""What Jenkins' junit plugin would show of files, by its rules; facts are from its source of August 2026."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.reporting.jenkins.addresses import case_address
from harness.reporting.jenkins.lint import lint
from harness.reporting.jenkins.view import View, condition, view


def shown(tmp_path: Path, *texts: str, retention: str = "NONE") -> View:
    paths = []
    for text in texts:
        paths.append(tmp_path / f"junit_{len(list(tmp_path.iterdir()))}.xml")
        paths[-1].write_text(text)
    return view(paths, retention)


def suite(cases: str, name: str = "cell.suite") -> str:
    return f'<testsuites><testsuite name="{name}" tests="99">{cases}</testsuite></testsuites>'


def case(name: str, inner: str = "", classname: str = "cell.suite.area") -> str:
    return f'<testcase classname="{classname}" name="{name}" time="1.5">{inner}</testcase>'


@pytest.mark.parametrize(
    ("inner", "status"),
    [
        ("", "PASSED"),
        ("<failure/>", "FAILED"),
        ('<failure message="m">text</failure>', "FAILED"),
        ("<error/>", "FAILED"),
        ("<skipped/>", "SKIPPED"),
        ("<failure>x</failure><skipped/>", "SKIPPED"),
        ("<flakyFailure message='m' type='t'><stackTrace>x</stackTrace></flakyFailure>", "PASSED"),
    ],
)
def test_status_of_a_case(tmp_path: Path, inner: str, status: str) -> None:
    (found,) = shown(tmp_path, suite(case("a", inner))).cases
    assert found.status == status


def test_an_error_goes_before_a_failure_and_only_the_first_is_kept(tmp_path: Path) -> None:
    inner = '<failure message="f">ff</failure><error message="e1">ee</error><error message="e2"/>'
    (found,) = shown(tmp_path, suite(case("a", inner))).cases
    assert (found.details, found.trace) == ("e1", "ee")


def test_names_fall_back_as_the_plugin_lets_them(tmp_path: Path) -> None:
    text = '<anything><testsuite package="p" name="s"><testsuite name="inner"><testcase name="x"/></testsuite>' \
        '<testcase name="y"/><error>boom</error></testsuite><testcase name="a.b.c"/></anything>'  # fmt: skip
    found = shown(tmp_path, text).cases
    assert [(item.suite, item.classname, item.name) for item in found] == [
        ("inner", "inner", "x"),
        ("p.s", "<init>", "s"),  # the element that has the error is the suite itself
        ("p.s", "s", "y"),
        ("(junit_0.xml)", "a.b", "c"),
    ]
    assert [item.package for item in found] == ["(root)", "(root)", "(root)", "a"]


@pytest.mark.parametrize(
    ("inner", "retention", "cut"),
    [
        ("{1000}", "NONE", 0),
        ("{1001}", "NONE", 1),
        ("{1001}", "FAILED", 1),
        ("{1001}", "ALL", 0),
        ("<failure/>{100000}", "NONE", 0),
        ("<failure/>{100007}", "NONE", 7),
        ("<failure/>{100007}", "FAILED", 0),
    ],
)
def test_output_is_cut_as_in_jenkins(tmp_path: Path, inner: str, retention: str, cut: int) -> None:
    before, _, size = inner.partition("{")
    inner = before + f"<system-out>{'x' * int(size.rstrip('}'))}</system-out>"
    (found,) = shown(tmp_path, suite(case("a", inner)), retention=retention).cases
    assert found.cut == cut


def test_regressions_look_past_builds_that_lack_the_test(tmp_path: Path) -> None:
    def build(*cases: str) -> View:
        return shown(tmp_path, suite("".join(cases)))

    now = build(
        case("a", "<failure/>"), case("b", "<failure/>"), case("c"), case("d", "<failure/>"), case("e", "<skipped/>")
    )
    without = build(case("other"))
    old = build(case("a"), case("b", "<failure/>"), case("c", "<skipped/>"), case("e"))
    assert [condition(item, [without, old]) for item in now.cases] == ["REGRESSION", "", "FIXED", "", ""]
    assert [condition(item, [without] * 25 + [old]) for item in now.cases[:1]] == [""]
    elsewhere = shown(tmp_path, suite(case("a"), name="another.suite"))
    assert condition(now.cases[0], [elsewhere]) == ""


def test_everything_wrong_is_found(tmp_path: Path) -> None:
    bad = suite(
        case("twice")
        + case("twice", "<failure>x</failure>")
        + case("x/y")
        + case("x_y")
        + case("hidden", "<failure/><skipped/>")
        + case("silent", "<failure/>")
        + case("loud", f"<system-out>{'x' * 5000}</system-out>")
        + case("run of 2026-11-23")
        + case("worker gw3")
        + case("rooted", classname="nodots")
        + case("retried", '<rerunError type="x"/><failure>x</failure>')
        + case("attached", "<system-out>[[ATTACHMENT|/nowhere/log.txt]]</system-out>")
    )
    found = lint(shown(tmp_path, bad, "", "<broken", "<testsuites/>"), ())
    problems = {finding.problem: finding.error for finding in found.findings}
    assert problems == {
        "unreadable": True, "barren": True, "duplicate": True, "clash": True, "hidden": True,
        "rootless": False, "changing": False, "silent": False, "truncated": False, "unseen": False, "attachment": False,
    }  # fmt: skip
    assert (found.tests, found.failed, found.skipped, found.truncated) == (14, 5, 1, 1)
    assert found.sentence.startswith(
        "14 tests, 5 failed, 1 skipped, 1 truncated, 2 unreadable, 1 barren, 1 duplicate, 1 clash"
    )
    assert found.wrong


def test_names_are_as_alike_as_the_plugin_finds_them(tmp_path: Path) -> None:
    """CaseResult.getSafeName keeps case, and the letters of every script."""
    apart = ("Foo", "foo", "größe", "grosse", "größer", "x1", "x_1", "日本", "中国", "€", "$", "e\u0301", "é")
    assert not lint(shown(tmp_path, suite("".join(case(name) for name in apart)))).wrong


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("[sig-apps] Größe [x]", "_sig_apps__Größe__x_"),
        ("a.b-c/d", "a_b_c_d"),
        ("tab\tname", "tab_name"),
        ("delete\x7f", "delete\x7f"),
        ("price 5€", "price_5€"),
        ("½ 🙂", "____"),
    ],
)
def test_the_address_of_a_case(name: str, expected: str) -> None:
    """By Character.isJavaIdentifierPart, of UTF-16 units."""
    assert case_address(name) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (case("x y"), case("x_y")),
        (case("x", classname="cell.a b"), case("x", classname="cell.a_b")),
        (case("x", classname="cell/1.a"), case("x", classname="cell_1.a")),
        (case("🙂"), case("__")),
        (case("(?)"), case("")),
    ],
)
def test_names_that_become_alike(tmp_path: Path, one: str, other: str) -> None:
    found = lint(shown(tmp_path, suite(one + other)))
    assert [finding.problem for finding in found.findings if finding.error] == ["clash"]


def test_one_test_of_one_class_in_two_suites(tmp_path: Path) -> None:
    found = lint(shown(tmp_path, suite(case("x"), "one.suite"), suite(case("x"), "two.suite")))
    (clash,) = found.findings
    assert clash.problem == "clash"
    assert "x of one.suite and x of two.suite" in clash.text


def test_one_class_of_hundreds_is_noticed(tmp_path: Path) -> None:
    found = lint(shown(tmp_path, suite("".join(case(f"t{number}") for number in range(301)))))
    assert [finding.problem for finding in found.findings] == ["crowd"]
    assert not found.wrong
