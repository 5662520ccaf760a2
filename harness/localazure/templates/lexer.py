"""Splits a template expression into tokens.

The language is small: ``'text'`` with ``''`` for a quote, integers, names, and ``( ) [ ] , . ?``. Space and line breaks separate.
Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

MAXIMUM_LENGTH = 24_576
"""ARM's limit for one expression, in characters."""


class Kind(StrEnum):
    """What a token is; the value is how messages call it."""

    STRING = "a string"
    INTEGER = "an integer"
    NAME = "a name"
    PUNCTUATION = "punctuation"
    END = "the end"


class ExpressionError(Exception):
    """What is wrong with an expression, and where; its owner adds the expression and the path.

    :param position: offset from the expression's first character, the opening bracket being 0.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True)
class Token:
    """One token; ``text`` of a string is its value."""

    kind: Kind
    text: str
    position: int

    def __str__(self) -> str:
        return str(self.kind) if self.kind is Kind.END else f"'{self.text}'"


def tokens(text: str, start: int, end: int) -> Iterator[Token]:
    """The tokens of ``text[start:end]`` with :data:`Kind.END` last; raises :class:`ExpressionError`."""
    if end - start > MAXIMUM_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAXIMUM_LENGTH} characters", start)
    at = start
    while at < end:
        first = text[at]
        if first.isspace():
            at += 1
        elif first == "'":
            value, after = _string(text, at, end)
            yield Token(Kind.STRING, value, at)
            at = after
        elif first in "()[],.?":
            yield Token(Kind.PUNCTUATION, first, at)
            at += 1
        elif _is_digit(first) or (first == "-" and at + 1 < end and _is_digit(text[at + 1])):
            after = _skip(text, at + 1, end, _is_digit)
            yield Token(Kind.INTEGER, text[at:after], at)
            at = after
        elif _starts_name(first):
            after = _skip(text, at + 1, end, _continues_name)
            yield Token(Kind.NAME, text[at:after], at)
            at = after
        else:
            raise ExpressionError(f"the character '{first}' has no meaning here", at)
    yield Token(Kind.END, "", end)


def _string(text: str, at: int, end: int) -> tuple[str, int]:
    """The value of the literal whose quote stands at ``at``, and the position after it."""
    pieces: list[str] = []
    begin = at + 1
    while True:
        quote = text.find("'", begin, end)
        if quote < 0:
            raise ExpressionError("the string has no closing quote", at)
        pieces.append(text[begin:quote])
        if quote + 1 < end and text[quote + 1] == "'":
            pieces.append("'")
            begin = quote + 2
        else:
            return "".join(pieces), quote + 1


def _skip(text: str, at: int, end: int, accepts: Callable[[str], bool]) -> int:
    while at < end and accepts(text[at]):
        at += 1
    return at


def _is_digit(character: str) -> bool:
    return "0" <= character <= "9"


def _starts_name(character: str) -> bool:
    return character.isalpha() or character in "_$"


def _continues_name(character: str) -> bool:
    return character.isalnum() or character in "_$"
