"""The function table, by examples that Microsoft's reference documents or that follow from it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.localazure.templates.api import TemplateError
from harness.localazure.templates.functions import FUNCTIONS
from harness.localazure.templates.functions.strings import STRINGS

from .conftest import GROUP, NETWORK, SUBSCRIPTION, patient

EXAMPLES: list[tuple[str, Any]] = [
    ("[concat('a', 1, true())]", "a1True"),
    ("[concat(createArray(1), createArray(2, 3))]", [1, 2, 3]),
    ("[CONCAT('case', 'less')]", "caseless"),
    ("[format('{0}-{1:D3}|{2,4}|{{x}}', 'a', 7, 'b')]", "a-007|   b|{x}"),
    ("[format('{0:X2} {1:N0}', 10, 12345)]", "0A 12,345"),
    ("[base64('one, two')]", "b25lLCB0d28="),
    ("[base64ToString('b25lLCB0d28=')]", "one, two"),
    ("[base64ToJson(base64('{\"a\":[1]}')).a[0]]", 1),
    ("[string(createObject('a', createArray(1, true(), null())))]", '{"a":[1,true,null]}'),
    ("[padLeft(12, 5, '0')]", "00012"),
    ("[replace('a-b-c', '-', '')]", "abc"),
    ("[split('a,b;c', createArray(',', ';'))]", ["a", "b", "c"]),
    ("[join(createArray('a', 1), '/')]", "a/1"),
    ("[substring('kubernetes', 4, 3)]", "rne"),
    ("[trim('  x ')]", "x"),
    ("[toUpper(toLower('MiXed'))]", "MIXED"),
    ("[startsWith('Hello', 'hE')]", True),
    ("[indexOf('abcABC', 'C')]", 2),
    ("[lastIndexOf('abcABC', 'c')]", 5),
    ("[uriComponent('a b/é')]", "a%20b%2F%C3%A9"),
    ("[uri('https://h/o/', 'n/x')]", "https://h/o/n/x"),
    ("[length(createObject('a', 1, 'b', 2))]", 2),
    ("[first('abc')]", "a"),
    ("[last(range(3, 4))]", 6),
    ("[skip(createArray(1, 2, 3), 1)]", [2, 3]),
    ("[take('abc', 9)]", "abc"),
    ("[contains(createObject('Key', 1), 'kEY')]", True),
    ("[contains(createArray(1, 2), 3)]", False),
    ("[empty(createArray())]", True),
    ("[coalesce(null(), null(), 'x')]", "x"),
    (
        "[union(createObject('a', createObject('x', 1)), createObject('A', createObject('y', 2)))]",
        {"a": {"x": 1, "y": 2}},
    ),
    ("[union(createArray(1, 2), createArray(2, 3))]", [1, 2, 3]),
    ("[intersection(createArray(1, 2), createArray(2, 3))]", [2]),
    ("[items(createObject('b', 2, 'a', 1))[0].key]", "a"),
    ("[flatten(createArray(createArray(1), createArray(2)))]", [1, 2]),
    ("[min(3, 1, 2)]", 1),
    ("[max(createArray(3, 1))]", 3),
    ("[div(-7, 2)]", -3),
    ("[mod(-7, 2)]", -1),
    ("[add(mul(6, 7), sub(1, 1))]", 42),
    ("[int('42')]", 42),
    ("[bool('TRUE')]", True),
    ("[and(true(), not(false()))]", True),
    ("[or(false(), true(), int('not reached'))]", True),
    ("[if(equals(1, 1), 'yes', div(1, 0))]", "yes"),
    ("[equals(true(), 1)]", False),
    ("[equals(createArray(1, 'a'), json('[1, \"a\"]'))]", True),
    ("[greater('b', 'a')]", True),
    ("[cidrSubnet('10.240.0.0/16', 24, 3)]", "10.240.3.0/24"),
    ("[cidrHost('10.240.3.0/24', 3)]", "10.240.3.4"),
    ("[parseCidr('10.144.0.0/20').lastUsable]", "10.144.15.254"),
    ("[map(range(1, 3), lambda('i', mul(lambdaVariables('i'), lambdaVariables('i'))))]", [1, 4, 9]),
    ("[filter(range(0, 5), lambda('i', greater(lambdaVariables('i'), 2)))]", [3, 4]),
    ("[reduce(range(1, 4), 0, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b'))))]", 10),
    ("[toObject(createArray('a'), lambda('k', lambdaVariables('k')), lambda('k', 1))]", {"a": 1}),
    ("[sort(createArray(2, 1), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))]", [1, 2]),
    ("[tryGet(createObject('a', createArray(1)), 'a', 1)]", None),
    ("[createObject('a', 1).?b]", None),
    ("[createObject('a', createObject('b', 5)).A['B']]", 5),
    ("[resourceGroup().location]", "westeurope"),
    ("[resourceGroup().tags['harness-run']]", "r1"),
    ("[resourceGroup().id]", GROUP),
    ("[subscription().subscriptionId]", SUBSCRIPTION),
    ("[deployment().name]", "cluster"),
    ("[tenant().tenantId]", "adfs"),
    ("[environment().resourceManager]", "https://127.0.0.1:1/"),
    ("[resourceId('Microsoft.Network/virtualNetworks', 'v')]", f"{NETWORK}/virtualNetworks/v"),
    ("[resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 's')]", f"{NETWORK}/virtualNetworks/v/subnets/s"),
    ("[resourceId('rg-2', 'A.B/c', 'd')]", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-2/providers/A.B/c/d"),
    ("[resourceId('s-2', 'rg-2', 'A.B/c', 'd')]", "/subscriptions/s-2/resourceGroups/rg-2/providers/A.B/c/d"),
    ("[subscriptionResourceId('A.B/c', 'd')]", f"/subscriptions/{SUBSCRIPTION}/providers/A.B/c/d"),
    ("[tenantResourceId('A.B/c', 'd')]", "/providers/A.B/c/d"),
    ("[extensionResourceId('/x', 'A.B/c', 'd')]", "/x/providers/A.B/c/d"),
    ("[[not an expression]", "[not an expression]"),
    ("[only half", "[only half"),
]


@pytest.mark.parametrize(("expression", "expected"), EXAMPLES, ids=[expression for expression, _ in EXAMPLES])
def test_examples(value: Callable[..., Any], expression: str, expected: Any) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("[concatt('a')]", "there is no function 'concatt'; did you mean 'concat'?"),
        ("[toLower(1)]", "toLower(): argument 1 must be a string, not an int"),
        ("[add(1)]", "add(): takes 2 arguments, not 1"),
        ("[length(5)]", "argument 1 must be a string or an array or an object, not an int"),
        ("[div(1, 0)]", "division by zero"),
        ("[format('{0} {1}', 'a')]", "{1} has no value"),
        ("[createObject('a')]", "in pairs"),
        ("[createArray(1)[2]]", "the index 2 is outside the array of 1 items"),
        ("[resourceGroup().nope]", "no property 'nope'"),
        ("[parameters('nope')]", "the template has no parameter 'nope'; it has: none"),
        ("[variables('nope')]", "the template has no variable 'nope'"),
        ("[copyIndex()]", "no copy loop around this"),
        ("[copyIndex('nics')]", "there is no copy loop 'nics'"),
        ("[cidrSubnet('10.0.0.0/24', 26, 4)]", "there is none of index 4"),
        ("[cidrHost('nonsense', 0)]", "not a network in CIDR form"),
        ("[resourceId('Microsoft.Network/virtualNetworks', 'v', 's')]", "needs 1 name, not 2"),
        ("[newGuid()]", "only in the default value of a parameter"),
        ("[if('yes', 1, 2)]", "expects a bool, not a string"),
        ("[json('{')]", "the argument is not JSON"),
        ("[lambda('a', 1)]", "a lambda is not a value"),
        ("[string(lambda('a', 1))]", "a lambda has no text"),
    ],
)
def test_mistakes_say_what_is_wrong_where(value: Callable[..., Any], expression: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        value(expression)
    assert message in str(caught.value)
    assert expression in str(caught.value)
    assert caught.value.path == "$.resources[0].properties.value"


def test_unique_string_and_guid_follow_from_their_values(value: Callable[..., Any]) -> None:
    assert value("[uniqueString('a', 'b')]") == value("[uniqueString('a', 'b')]") != value("[uniqueString('a', 'c')]")
    assert len(value("[uniqueString('a')]")) == 13
    assert value("[guid('a', 'b')]") == value("[guid('a', 'b')]") != value("[guid('b', 'a')]")


@patient
@given(st.text())
def test_base64_is_undone(text: str) -> None:
    encoded = STRINGS["base64"].body(text)
    assert base64.b64decode(encoded).decode() == text
    assert STRINGS["base64tostring"].body(encoded) == text


@patient
@given(st.integers(), st.integers().filter(bool))
def test_division_and_remainder_belong_together(one: int, other: int) -> None:
    div, mod = FUNCTIONS["div"].body, FUNCTIONS["mod"].body
    assert div(one, other) * other + mod(one, other) == one
    assert abs(mod(one, other)) < abs(other)
