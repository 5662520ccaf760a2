"""Reads an expression into a tree: literals, calls, and access to members and items.

Grammar::

    expression = primary { "." [ "?" ] name | "[" [ "?" ] expression "]" }
    primary    = string | integer | name { "." name } "(" [ expression { "," expression } ] ")"

A string of a template is an expression when it begins with ``[`` and ends with ``]``; ``[[`` at the beginning is the escape
for a text that begins with one bracket.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from harness.localazure.templates.lexer import ExpressionError, Kind, Token, tokens

MAXIMUM_DEPTH = 100
"""Calls within calls; far beyond what people write, well within Python's stack."""


@dataclass(frozen=True)
class Literal:
    value: str | int
    position: int


@dataclass(frozen=True)
class Call:
    name: str
    """As written; user functions have their namespace before a dot."""
    arguments: tuple[Node, ...]
    position: int


@dataclass(frozen=True)
class Member:
    """``target.name``, or ``target.?name``, which is null where there is no such member."""

    target: Node
    name: str
    safe: bool
    position: int


@dataclass(frozen=True)
class Item:
    """``target[index]``, or ``target[?index]``."""

    target: Node
    index: Node
    safe: bool
    position: int


Node = Literal | Call | Member | Item


def is_expression(text: str) -> bool:
    """Whether a template's string is evaluated."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def unescape(text: str) -> str:
    """What a string that is not an expression means."""
    return text[1:] if text.startswith("[[") else text


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of an expression, brackets included; raises :class:`ExpressionError`."""
    return _Parser(list(tokens(text, 1, len(text) - 1))).whole()


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression()
        if self._next.kind is not Kind.END:
            raise ExpressionError(f"expected the end, found {self._next}", self._next.position)
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _takes(self, punctuation: str) -> bool:
        """Take this character if it comes next."""
        found = self._next.kind is Kind.PUNCTUATION and self._next.text == punctuation
        self._at += found
        return found

    def _expect(self, punctuation: str) -> None:
        if not self._takes(punctuation):
            raise ExpressionError(f"expected '{punctuation}', found {self._next}", self._next.position)

    def _name(self) -> str:
        if self._next.kind is not Kind.NAME:
            raise ExpressionError(f"expected a name, found {self._next}", self._next.position)
        return self._take().text

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > MAXIMUM_DEPTH:
            raise ExpressionError(f"more than {MAXIMUM_DEPTH} levels of nesting", self._next.position)
        node = self._primary()
        while True:
            position = self._next.position
            if self._takes("."):
                safe = self._takes("?")
                node = Member(node, self._name(), safe, position)
            elif self._takes("["):
                safe = self._takes("?")
                node = Item(node, self._expression(), safe, position)
                self._expect("]")
            else:
                self._depth -= 1
                return node

    def _primary(self) -> Node:
        token = self._take()
        if token.kind is Kind.STRING:
            return Literal(token.text, token.position)
        if token.kind is Kind.INTEGER:
            return Literal(int(token.text), token.position)
        if token.kind is not Kind.NAME:
            raise ExpressionError(f"expected a function, a string or an integer, found {token}", token.position)
        return self._call(token)

    def _call(self, first: Token) -> Call:
        name = first.text
        while self._takes("."):
            name += "." + self._name()
        if not self._takes("("):
            hint = f"write {name}() for the value" if name.lower() in ("true", "false", "null") else "call it with ()"
            raise ExpressionError(f"'{name}' stands alone; {hint}", first.position)
        arguments: list[Node] = []
        if not self._takes(")"):
            arguments.append(self._expression())
            while self._takes(","):
                arguments.append(self._expression())
            self._expect(")")
        return Call(name, tuple(arguments), first.position)
