"""The label filter against an independent reading of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.ginkgo.labels import parse_filter

LABELS = ("Slow", "sig-apps", "Feature:A", "Feature:B", "FeatureGate:A", "Conformance")
Tree = tuple[str, Callable[[frozenset[str]], bool]]
"""A filter as text, and what it means."""


def features(labels: frozenset[str]) -> set[str]:
    return {label[8:] for label in labels if label.startswith("Feature:")}


LEAVES: list[Tree] = [
    *[(label, lambda labels, label=label: label in labels) for label in LABELS],
    ("sLOW", lambda labels: "Slow" in labels),
    ("/^sig-/", lambda labels: "sig-apps" in labels),
    ("Feature: isEmpty", lambda labels: not features(labels)),
    ("feature: containsAny {A, b}", lambda labels: bool(features(labels))),
    ("Feature: containsAll {A,B}", lambda labels: features(labels) == {"A", "B"}),
    ("Feature: consistsOf A", lambda labels: features(labels) == {"A"}),
    ("Feature: isSubsetOf A", lambda labels: features(labels) <= {"A"}),
]


def grow(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    def negated(child: Tree) -> Tree:
        return f"!({child[0]})", lambda labels: not child[1](labels)

    def joined(left: Tree, operator: str, right: Tree, brackets: bool) -> Tree:
        text = f"({left[0]}) {operator} ({right[0]})" if brackets else f"({left[0]}){operator}({right[0]})"
        if operator == "&&":
            return text, lambda labels: left[1](labels) and right[1](labels)
        return text, lambda labels: left[1](labels) or right[1](labels)

    return st.builds(negated, children) | st.builds(
        joined, children, st.sampled_from(["&&", "||", ","]), children, st.booleans()
    )


@settings(deadline=None)
@given(st.recursive(st.sampled_from(LEAVES), grow, max_leaves=12), st.frozensets(st.sampled_from(LABELS)))
def test_means_what_it_says(tree: Tree, labels: frozenset[str]) -> None:
    text, meaning = tree
    assert parse_filter(text)(labels) == meaning(labels)


@pytest.mark.parametrize(
    ("text", "labels", "wanted"),
    [
        ("a || b && c", {"a"}, True),
        ("a || b && c", {"b"}, False),
        ("!a && b", {"b"}, True),
        ("!a, b", {"a", "b"}, True),
        ("Feature: isEmpty && !Slow && !Disruptive && !Flaky", {"Conformance"}, True),
        ("Feature: isSubsetOf OffByDefault", {"Feature:Other"}, False),
        ("Conformance || !Conformance", set(), True),
        ("", set(), True),
    ],
)
def test_operators_bind_as_in_ginkgo(text: str, labels: set[str], wanted: bool) -> None:
    assert parse_filter(text)(labels) is wanted


@pytest.mark.parametrize(
    ("text", "position", "phrase"),
    [
        ("a b && ", 8, "a label is missing"),
        ("(a || b", 1, r"no \) for this \("),
        ("a)", 2, r"no \( for this \)"),
        ("()", 2, "is empty"),
        ("a & b", 3, "an operator"),
        ("/[/", 2, "not a regular expression"),
        ("Feature: contains A", 10, "not a set operation; there are: containsAny"),
        ("Feature: containsAny", 21, "takes a value"),
        ("Feature: isEmpty A", 18, "takes no value"),
        ("Feature isEmpty", 1, "a colon is missing"),
        ("Feature: containsAny {A", 22, "no } for this {"),
        (": isEmpty", 1, "name of the set is missing"),
    ],
)
def test_mistakes_are_one_line_with_their_position(text: str, position: int, phrase: str) -> None:
    with pytest.raises(UsageError, match=phrase) as caught:
        parse_filter(text)
    assert f"position {position}:" in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.text(alphabet="ab&|!,()/: {}isEmpty", max_size=24))
def test_any_text_parses_or_is_refused(text: str) -> None:
    with suppress(UsageError):
        parse_filter(text)(frozenset({"a", "Feature:b"}))
