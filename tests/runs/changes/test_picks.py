"""Changed paths become suites and specs, each with its reason; what nobody knows picks everything."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.ginkgo.api import Spec
from harness.ginkgo.selection import load_selection
from harness.runs.changes.picks import Pick, pick
from harness.runs.plan import known_suites

SHIPPED = Path(__file__).parents[3] / "suites"
FILES = {
    "changes.yaml": '- {paths: ["*.md"], why: text}\n',
    "conformance/specs.yaml": 'label_filter: Conformance\npresets: {core: ["[sig-node] Pods run"], fast: ["[sig-apps] Job ends"]}\n',
    "conformance/changes.yaml": '- {paths: ["pkg/scheduler/*"], why: it places pods, specs: "sig-scheduling && !Slow", serial: true}\n'
    '- {paths: ["pkg/proxy/*"], why: it forwards, specs: sig-network}\n',
    "networking/specs.yaml": "label_filter: sig-network\n",
    "networking/changes.yaml": '- {paths: ["pkg/proxy/*", "dns:*"], why: it forwards Services}\n',
    "volumes/test_volumes.py": "",
}


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def spec(name: str, labels: str, location: str = "test/e2e/x.go:1") -> Spec:
    return Spec(0, name, f"{name} [Conformance]", frozenset({"Conformance", *labels.split()}), location, serial=False)


SPECS = (
    spec("[sig-node] Pods run", "sig-node"),
    spec("[sig-apps] Job ends", "sig-apps", "test/e2e/apps/job.go:12"),
    spec("[sig-apps] CronJob ends", "sig-apps", "test/e2e/apps/cronjob.go:12"),
    spec("[sig-scheduling] Taints count", "sig-scheduling"),
    spec("[sig-scheduling] Taints count slowly", "sig-scheduling Slow"),
    spec("[sig-network] Services answer", "sig-network"),
)


def picked(suites: Path, *paths: str) -> dict[str, Pick]:
    return {found.suite: found for found in pick(paths, known_suites(suites), suites)}


def chosen(suites: Path, found: Pick) -> list[str]:
    selection = load_selection(suites / found.suite / "specs.yaml")
    return [entry.spec.name for entry in found.choose(selection, SPECS, "fast")]


@pytest.mark.parametrize("paths", [(), ("README.md", "pkg/scheduler/README.md")])
def test_no_change_that_matters_leaves_the_core(suites: Path, paths: tuple[str, ...]) -> None:
    found = picked(suites, *paths)
    assert list(found) == ["conformance"]
    assert found["conformance"].why == ("core set, always",)
    assert chosen(suites, found["conformance"]) == ["[sig-node] Pods run"]


def test_a_rule_adds_specs_to_the_core(suites: Path) -> None:
    found = picked(suites, "pkg/scheduler/a/b.go", "pkg/scheduler/c.go")
    assert list(found) == ["conformance"]
    assert found["conformance"].why == ("core set, always", "pkg/scheduler/a/b.go and 1 more: it places pods")
    assert chosen(suites, found["conformance"]) == ["[sig-node] Pods run", "[sig-scheduling] Taints count"]


def test_a_rule_says_that_its_specs_are_serial(suites: Path) -> None:
    assert picked(suites, "pkg/scheduler/a.go", "pkg/proxy/x.go")["conformance"].serial
    assert not any(found.serial for found in picked(suites, "pkg/proxy/x.go").values())


def test_a_rule_without_specs_picks_the_whole_suite(suites: Path) -> None:
    found = picked(suites, "pkg/proxy/x.go")
    assert list(found) == ["conformance", "networking"]
    assert found["networking"] == Pick("networking", whole=True, why=("pkg/proxy/x.go: it forwards Services",))
    assert chosen(suites, found["networking"]) == ["[sig-network] Services answer"]
    assert chosen(suites, found["conformance"]) == ["[sig-node] Pods run", "[sig-network] Services answer"]


def test_a_path_that_no_rule_knows_picks_everything_as_usual(suites: Path) -> None:
    found = picked(suites, "go.mod")
    assert [(name, entry.whole) for name, entry in found.items()] == [
        ("conformance", True),
        ("networking", True),
        ("volumes", True),
    ]
    assert found["volumes"].why == ("go.mod: no rule says what it may break, so everything",)
    assert chosen(suites, found["conformance"]) == ["[sig-node] Pods run", "[sig-apps] Job ends"], "core and fast"


def test_components_have_paths_of_their_own(suites: Path) -> None:
    assert list(picked(suites, "dns:plugin/x.go")) == ["conformance", "networking"]
    assert len(picked(suites, "other:plugin/x.go")) == 3


def test_changed_specs_run_themselves_and_a_helper_those_beside_it(suites: Path) -> None:
    own = picked(suites, "test/e2e/apps/job.go")["conformance"]
    assert chosen(suites, own) == ["[sig-node] Pods run", "[sig-apps] Job ends"]
    helper = picked(suites, "test/e2e/apps/helper.go")["conformance"]
    assert chosen(suites, helper) == ["[sig-node] Pods run", "[sig-apps] Job ends", "[sig-apps] CronJob ends"]


def test_a_helper_without_specs_beside_it_picks_the_suite_as_usual(suites: Path) -> None:
    found = picked(suites, "test/e2e/storage/utils/pod.go")["conformance"]
    assert chosen(suites, found) == ["[sig-node] Pods run", "[sig-apps] Job ends"], "core and --conformance fast"


@pytest.mark.parametrize("path", ["test/e2e/framework/pod/wait.go", "test/e2e/new/x.go", "test/e2e/common/util.go"])
def test_what_all_specs_stand_on_picks_everything_whatever_a_rule_says(suites: Path, path: str) -> None:
    (suites / "networking/changes.yaml").write_text('- {paths: ["test/e2e/*"], why: specs}\n')
    found = picked(suites, path)
    assert [entry.whole for entry in found.values()] == [True] * 3
    assert found["volumes"].why == (f"{path}: all specs stand on it",)


def test_everything_takes_no_changed_spec_away(suites: Path) -> None:
    """A preset has but some of them, and what else changed runs all the same."""
    found = picked(suites, "go.mod", "test/e2e/apps/cronjob.go", "pkg/scheduler/x.go")["conformance"]
    assert chosen(suites, found) == [
        "[sig-node] Pods run",
        "[sig-apps] Job ends",
        "[sig-apps] CronJob ends",
        "[sig-scheduling] Taints count",
    ]


def test_a_rule_may_take_some_paths_back(suites: Path) -> None:
    (suites / "changes.yaml").write_text('- {paths: ["*_test.go"], but: ["test/e2e/*"], why: unit tests}\n')
    assert len(picked(suites, "pkg/scheduler/x_test.go")) == 1
    assert len(picked(suites, "test/e2e/e2e_test.go")) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "cannot be read"),
        ("a: b", "is not a list of rules"),
        ("- pkg/*", "is not a rule"),
        ("- {path: [a], why: x}", "is not a rule"),
        ("- {paths: [a], but: b, why: x}", "but has to be a list"),
        ("- {paths: [a], but: [], why: x}", "but has to be a list"),
        ("- {paths: a, why: x}", "paths has to be a list"),
        ("- {paths: [a]}", "needs why"),
        ('- {paths: [a], why: x, specs: "a &&"}', "changes.yaml: "),
        ("- {paths: [a], why: x, serial: often}", "serial of the rule for a has to be true or false"),
    ],
)
def test_malformed_rules(suites: Path, text: str, said: str) -> None:
    (suites / "conformance/changes.yaml").write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        picked(suites, "x")
    assert "\n" not in str(caught.value)


def test_picks_survive_json() -> None:
    raw = {"suite": "a", "whole": True, "specs": ["b"], "files": ["c"], "why": ["d"]}
    assert Pick.from_json(raw) == Pick("a", whole=True, specs=("b",), files=("c",), why=("d",)), "of an earlier version"
    found = Pick("a", specs=("b",), serial=True)
    assert Pick.from_json(json.loads(json.dumps(asdict(found)))) == found
