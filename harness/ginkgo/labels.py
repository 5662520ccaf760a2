"""Ginkgo's label filter language: ``Conformance && !Slow``, ``(a || b), /re/``, ``Feature: isSubsetOf {A, B}``.

Parsed here, not by e2e.test, so that a mistake is one clear line before anything is created. Grammar and meaning: ginkgo v2.32
``types/label_filter.go``. Operators from loosest to tightest: ``||`` (or a comma), ``&&``, ``!``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from harness.errors import UsageError

Filter = Callable[[Collection[str]], bool]
"""Whether a spec with these labels is wanted."""

_STOP = "&|!,()/"
_SETS = {name.lower(): name for name in ("containsAny", "containsAll", "consistsOf", "isSubsetOf", "isEmpty")}


def parse_filter(text: str) -> Filter:
    """The filter; an empty text is always true. Raises ``UsageError`` with the position of what does not parse."""
    if not text.strip():
        return lambda labels: True
    return _Parser(text).parse()


class _Parser:
    """Recursive descent; ``_at`` is the position of the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse(self) -> Filter:
        found = self._or()
        if self._peek():
            raise self._error(
                "an operator (&&, || or a comma) is missing" if self._peek() != ")" else "no ( for this )"
            )
        return found

    def _or(self) -> Filter:
        found = self._and()
        while self._take("||") or self._take(","):
            found = _either(found, self._and())
        return found

    def _and(self) -> Filter:
        found = self._not()
        while self._take("&&"):
            found = _both(found, self._not())
        return found

    def _not(self) -> Filter:
        if self._take("!"):
            inner = self._not()
            return lambda labels: not inner(labels)
        return self._primary()

    def _primary(self) -> Filter:
        start = self._at
        if self._take("("):
            if self._peek() == ")":
                raise self._error("() is empty")
            inner = self._or()
            if not self._take(")"):
                raise self._error("no ) for this (", start)
            return inner
        if self._take("/"):
            return self._regex()
        if not self._peek() or self._peek() in "&|,)":
            raise self._error("a label is missing")
        return self._label()

    def _regex(self) -> Filter:
        start = self._at
        pattern = self._until("/")
        self._at += 1
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise self._error(f"not a regular expression: {error}", start) from error
        return lambda labels: any(compiled.search(label) for label in labels)

    def _label(self) -> Filter:
        start = self._at
        value = self._until(_STOP + ":").strip()
        if self._text.startswith(": ", self._at):
            if not value:
                raise self._error("the name of the set is missing before the colon", start)
            self._at += 2
            return self._set(value)
        value = (value + self._until(_STOP)).strip()
        if value.endswith(":"):
            raise self._error(f"a set operation is missing after the colon: {_allowed_sets()}")
        for word in value.lower().split()[1:]:
            if word in _SETS:
                raise self._error(f"a colon is missing before {_SETS[word]}", start)
        wanted = value.lower()
        return lambda labels: any(label.lower() == wanted for label in labels)

    def _set(self, key: str) -> Filter:
        self._peek()
        start = self._at
        operation = _SETS.get(self._until(" " + _STOP).lower())
        if operation is None:
            raise self._error(f"not a set operation; there are: {_allowed_sets()}", start)
        values = self._values(operation)
        return lambda labels: _compare(operation, _values_of(key, labels), values)

    def _values(self, operation: str) -> frozenset[str]:
        if self._take("{"):
            start = self._at
            raw = self._until("}")
            if not self._take("}"):
                raise self._error("no } for this {", start - 1)
        else:
            self._peek()
            start = self._at
            raw = self._until(_STOP)
        values = [value.strip().lower() for value in raw.split(",")] if raw.strip() else []
        if (operation == "isEmpty") == bool(values):
            raise self._error(f"{operation} takes {'no' if values else 'a'} value", start)
        if "" in values or any(mark in value for value in values for mark in _STOP):
            raise self._error("not a value of a set", start)
        return frozenset(values)

    def _peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while self._text[self._at : self._at + 1] == " ":
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _take(self, token: str) -> bool:
        self._peek()
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True

    def _until(self, stop: str) -> str:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in stop:
            self._at += 1
        return self._text[start : self._at]

    def _error(self, what: str, at: int | None = None) -> UsageError:
        return UsageError(
            f"label filter {self._text!r}, position {(self._at if at is None else at) + 1}: {what}",
            hint="write for example: Conformance && !Slow && Feature: isEmpty",
        )


def _allowed_sets() -> str:
    return ", ".join(_SETS.values())


def _either(left: Filter, right: Filter) -> Filter:
    return lambda labels: left(labels) or right(labels)


def _both(left: Filter, right: Filter) -> Filter:
    return lambda labels: left(labels) and right(labels)


def _values_of(key: str, labels: Collection[str]) -> frozenset[str]:
    """``Feature`` of ``Feature:A`` and ``Feature:B`` is {a, b}."""
    parts = [label.split(":", 1) for label in labels if ":" in label]
    return frozenset(value.strip().lower() for name, value in parts if name.strip().lower() == key.lower())


def _compare(operation: str, found: frozenset[str], values: frozenset[str]) -> bool:
    match operation:
        case "isEmpty":
            return not found
        case "containsAny":
            return bool(found & values)
        case "containsAll":
            return values <= found
        case "consistsOf":
            return found == values
        case _:
            return found <= values
