"""Paths and ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.localazure.arm.errors import ArmError
from harness.localazure.arm.ids import ResourceId, parse_id, parse_path
from harness.localazure.arm.merge import merge

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True).filter(
    lambda text: text.lower() != "providers"
)


@given(names, names, st.lists(st.tuples(names, names), min_size=1, max_size=3))
def test_an_id_reads_back(subscription: str, group: str, pairs: list[tuple[str, str]]) -> None:
    scope = f"/subscriptions/{subscription}/resourceGroups/{group}"
    types, values = zip(*pairs, strict=True)
    made = ResourceId(scope, "Micro.Soft", tuple(types), tuple(values))
    assert parse_id(str(made)) == made
    assert parse_id(str(made).upper()).key == made.key
    assert (made.subscription, made.group) == (subscription, group)


@pytest.mark.parametrize(
    ("path", "kind", "tail"),
    [
        ("/subscriptions/s", "Microsoft.Resources/subscriptions", ""),
        ("/subscriptions/s/resourcegroups", "Microsoft.Resources/subscriptions", "resourceGroups"),
        ("/subscriptions/s/resourceGroups/g", "Microsoft.Resources/resourceGroups", ""),
        ("/subscriptions/s/resourcegroups/g/deployments/d/operations", "Microsoft.Resources/deployments", "operations"),
        ("/subscriptions/s/resourceGroups/g/providers/A.B/c/d/e", "A.B/c", "e"),
        ("/subscriptions/s/resourceGroups/g/providers/A.B/c/d/providers/C.D/e/f", "C.D/e", ""),
    ],
)
def test_paths(path: str, kind: str, tail: str) -> None:
    target = parse_path(path)
    assert (target.id.type, target.tail) == (kind, tail)


@pytest.mark.parametrize("path", ["/", "/providers/a", "/subscriptions/s/resourceGroups/g/a/b", "/subscriptions/s/a b"])
def test_no_arm_path(path: str) -> None:
    with pytest.raises(ArmError) as refused:
        parse_path(path)
    assert refused.value.status == 404


def test_merge_replaces_lists_and_removes_nulls() -> None:
    base = {"a": {"b": 1, "c": [1]}, "d": 2}
    assert merge(base, {"a": {"c": [2], "e": 3}, "d": None}) == {"a": {"b": 1, "c": [2], "e": 3}}
    assert base == {"a": {"b": 1, "c": [1]}, "d": 2}
