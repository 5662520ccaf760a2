"""specs.yaml files, stable names, and the table of durations."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from harness.errors import HarnessError, UsageError
from harness.ginkgo.durations import expected, observed, remember, shipped
from harness.ginkgo.inventory import load_inventory, stable_name
from harness.ginkgo.selection import load_selection

from .builds import make_build


def write(folder: Path, text: str) -> Path:
    path = folder / "specs.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "[sig-apps] Job should work [Conformance] [NodeConformance]",
        "[sig-apps] [FeatureGate:A] [Feature:B] Job should work [MinimumKubeletVersion:1.34] [Slow]",
        "[sig-apps] Job [LinuxOnly] should  work [BetaOffByDefault] [Environment:NotInUserNS]",
    ],
)
def test_a_name_does_not_depend_on_labels(text: str) -> None:
    assert stable_name(text) == "[sig-apps] Job should work"


def test_what_is_not_a_label_stays_in_the_name() -> None:
    text = "[sig-storage] In-tree [Driver: nfs] [Testpattern: Dynamic PV (xfs)] (root,0644) [Privileged:ClusterAdmin]"
    assert stable_name(text) == text


def test_a_selection_is_filter_and_focus_and_preset(tmp_path: Path) -> None:
    names = (
        "[sig-a] one [Slow]",
        "[sig-a] two [Conformance]",
        "[sig-b] three [Conformance]",
        "[sig-b] four [Conformance]",
    )
    specs = load_inventory(make_build(tmp_path, *names) / "inventory.json")
    selection = load_selection(
        write(
            tmp_path,
            "label_filter: '!Slow'\nfocus: ['two|three|four']\nskip: [{match: three, reason: broken, expires: 2026-11-24}]\n"
            "presets: {fast: ['[sig-a] two', '/^.sig-b. th/'], tiny: ['[sig-a] one']}\ntimeout: 90s\n",
        )
    )
    assert (selection.timeout, selection.seconds) == ("90s", 90)
    chosen = selection.choose(specs, "fast")
    assert [(item.spec.name, item.skip) for item in chosen] == [("[sig-a] two", ""), ("[sig-b] three", "broken")]
    assert selection.choose(specs, "tiny") == []
    assert len(selection.choose(specs, "full")) == 3


def test_a_skip_that_has_expired_is_refused_on_its_day(tmp_path: Path) -> None:
    selection = load_selection(
        write(tmp_path, "skip: [{match: three, reason: broken, issue: '#1', expires: 2026-11-24}]\n")
    )
    selection.check_expired(date(2026, 11, 23))
    with pytest.raises(
        UsageError, match=r"skip has expired: 'three' on 2026-11-24 \(broken \(#1\)\); remove the entry"
    ):
        selection.check_expired(date(2026, 11, 24))


def test_a_skip_that_matches_nothing_that_is_selected_is_refused(tmp_path: Path) -> None:
    names = ("[sig-a] one [Conformance]", "[sig-a] two")
    builds = [load_inventory(make_build(tmp_path / name, name) / "inventory.json") for name in names]
    text = "label_filter: Conformance\nskip: [{match: one, reason: a}, {match: two, reason: b}]\n"
    selection = load_selection(write(tmp_path, text))
    with pytest.raises(UsageError, match="skip matches no spec: 'two'; remove"):
        selection.check_idle(builds)
    load_selection(write(tmp_path, "skip: [{match: one, reason: a}, {match: two, reason: b}]\n")).check_idle(builds)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("- a\n", "is list, not a mapping; keys: name, label_filter"),
        ("focus: abc\n", "focus: 'abc' is not a list"),
        ("focus: ['[']\n", "is not a regular expression"),
        ("skip: [{match: a}]\n", "an entry of skip has no 'reason'"),
        ("skip: [{match: a, reason: b, until: c}]\n", "skip: unknown key 'until'"),
        ("skip: [{match: a, reason: b, expires: soon}]\n", "'soon' is not a date"),
        ("presets: {fast: [1]}\n", "1 is not text"),
        ("timeout: 5\n", "timeout: 5 is not text"),
        ("timeout: 5 minutes\n", "'5 minutes' is not a duration"),
        ("a: b: c\n", "line 1: not YAML"),
    ],
)
def test_mistakes_are_one_line_that_names_the_file(tmp_path: Path, text: str, phrase: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_selection(write(tmp_path, text))
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "specs.yaml"))
    assert phrase in message
    assert "\n" not in message


def test_indexes_count_parallel_groups_without_serial_ones(tmp_path: Path) -> None:
    folder = make_build(tmp_path, "a", "b [Serial]", "c", "d", "e", "f [Serial]")
    path = folder / "inventory.json"
    raw = json.loads(path.read_text())
    raw["specs"][2]["ordered"] = raw["specs"][3]["ordered"] = True
    path.write_text(json.dumps(raw))
    assert [(spec.name, spec.index) for spec in load_inventory(path)] == [
        ("a", 0),
        ("b", 0),
        ("c", -1),
        ("d", -1),
        ("e", 2),
        ("f", 1),
    ]
    raw["seed"] = 7
    path.write_text(json.dumps(raw))
    with pytest.raises(HarnessError, match="made with seed 7"):
        load_inventory(path)


def test_durations_are_shipped_and_learned(tmp_path: Path) -> None:
    assert len(shipped()) > 400
    path = tmp_path / "new" / "durations.tsv"
    assert observed(path) == {}
    remember(path, {"a": 10.0})
    remember(path, {"a": 20.0, "b": 1.0})
    assert observed(path) == {"a": 15.0, "b": 1.0}
    assert [item.name for item in path.parent.iterdir()] == ["durations.tsv"]
    spec = load_inventory(make_build(tmp_path, "x [Slow]") / "inventory.json")[0]
    assert expected(spec, {}) > expected(spec, {"x": 1.0})


@pytest.mark.parametrize(
    ("damage", "phrase"),
    [
        (b"1.0\ta\nsoon\tb\n", "line 2 is not seconds, a tab and a name"),
        (b"1.0 a\n", "line 1 is not"),
        (b"nan\ta\n", "line 1 is not"),
        (b"-1\ta\n", "line 1 is not"),
        (b"1.0\t\n", "line 1 is not"),
        (b"1.0\ta\n\xff\xfe\0", "utf-8"),
    ],
)
def test_damaged_durations_are_refused_and_kept(tmp_path: Path, damage: bytes, phrase: str) -> None:
    path = tmp_path / "durations.tsv"
    path.write_bytes(damage)
    for act in (observed, lambda path: remember(path, {"c": 1.0})):
        with pytest.raises(UsageError, match="is damaged") as caught:
            act(path)
        assert phrase in str(caught.value)
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == damage


def test_the_shipped_selection_is_of_names_the_shipped_durations_know() -> None:
    selection = load_selection(Path(__file__).parents[2] / "suites" / "conformance" / "specs.yaml")
    fast = selection.presets["fast"]
    assert len(fast) >= 60
    assert len({str(name).split("]")[0] for name in fast}) == 10
    assert max(shipped()[str(name)] for name in fast) < 15
