"""The expression language: what is read, and how mistakes are reported."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.localazure.templates.lexer import ExpressionError, Kind, tokens
from harness.localazure.templates.parser import Call, Item, Literal, Member, Node, is_expression, parse, unescape

from .conftest import patient

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)


def written(node: Node) -> str:
    """A tree as a template would spell it."""
    match node:
        case Literal(value=str() as value):
            return "'" + value.replace("'", "''") + "'"
        case Literal():
            return str(node.value)
        case Call():
            return f"{node.name}({', '.join(map(written, node.arguments))})"
        case Member():
            return f"{written(node.target)}.{'?' * node.safe}{node.name}"
        case Item():
            return f"{written(node.target)}[{'?' * node.safe}{written(node.index)}]"


def shape(node: Node) -> object:
    """A tree without positions."""
    match node:
        case Literal():
            return node.value
        case Call():
            return (node.name, *map(shape, node.arguments))
        case Member():
            return ("member", shape(node.target), node.name, node.safe)
        case Item():
            return ("item", shape(node.target), shape(node.index), node.safe)


LITERALS = st.builds(Literal, st.text() | st.integers(), st.just(0))
CALLS = st.builds(Call, NAMES, st.lists(LITERALS, max_size=3).map(tuple), st.just(0))
TREES = st.recursive(
    LITERALS | CALLS,
    lambda inner: (
        st.builds(Call, NAMES, st.lists(inner, max_size=3).map(tuple), st.just(0))
        | st.builds(Member, CALLS, NAMES, st.booleans(), st.just(0))
        | st.builds(Item, CALLS, inner, st.booleans(), st.just(0))
    ),
    max_leaves=12,
)


@patient
@given(TREES)
def test_every_tree_is_read_back_from_its_text(tree: Node) -> None:
    assert shape(parse(f"[{written(tree)}]")) == shape(tree)


@patient
@given(st.text(alphabet="ab'()[],.? 0-9\n\"é", max_size=30))
def test_any_text_is_read_or_refused_with_a_position_inside_it(text: str) -> None:
    expression = f"[{text}]"
    position = 1
    try:
        parse(expression)
    except ExpressionError as error:
        position = error.position
    assert 0 < position < len(expression)


@patient
@given(st.text())
def test_tokens_cover_the_text_without_overlap(text: str) -> None:
    try:
        found = list(tokens(text, 0, len(text)))
    except ExpressionError:
        return
    assert [token.position for token in found] == sorted({token.position for token in found})
    assert found[-1].kind is Kind.END


@patient
@given(st.text())
def test_a_string_is_an_expression_or_means_itself_or_is_escaped(text: str) -> None:
    if not is_expression(text):
        assert unescape(text) in (text, text[1:])
    assert unescape(f"[[{text}") == f"[{text}"


@pytest.mark.parametrize(
    ("expression", "position", "message"),
    [
        ("[concat('a', 'b']", 16, "expected ')', found the end"),
        ("[concat('a' 'b')]", 12, "expected ')', found 'b'"),
        ("[concat('a)]", 8, "no closing quote"),
        ("[parameters]", 1, "call it with ()"),
        ("[true]", 1, "write true() for the value"),
        ("[add(1, 2)) ]", 10, "expected the end, found ')'"),
        ("[]", 1, "expected a function, a string or an integer, found the end"),
        ("[a() + 1]", 5, "'+' has no meaning here"),
        ("[a().]", 5, "expected a name, found the end"),
        ("[" + "a(" * 200 + ")" * 200 + "]", 201, "levels of nesting"),
    ],
)
def test_mistakes_are_named_where_they_are(expression: str, position: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(expression)
    assert message in caught.value.message
    assert caught.value.position == position


def test_brackets_at_both_ends_make_an_expression() -> None:
    assert is_expression("[a()]")
    assert not is_expression("[[a()]")
    assert not is_expression("[a() and more")
    assert json.loads(unescape("[[1, 2]")) == [1, 2]
