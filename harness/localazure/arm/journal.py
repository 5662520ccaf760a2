"""Every request that was answered, so that tests can assert what clients did, or did not do ("no writes when nothing changed")."""

from __future__ import annotations

import math
import re
import sqlite3
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

KEPT = 200_000
"""Entries kept; older ones go."""


@dataclass(frozen=True)
class Entry:
    """One answered request."""

    at: float
    """Unix time of its arrival."""
    method: str
    path: str
    query: str
    status: int
    code: str
    """ARM's error code, empty for success."""
    milliseconds: float
    principal: str
    """Who asked: a client id, a machine's identity, or empty."""
    client: str
    """User-Agent."""
    correlation: str
    """``x-ms-correlation-request-id`` of the answer."""
    fault: str = ""
    """Kind of the injected fault that shaped the answer."""
    call: str = ""
    """What was asked for, without names: :mod:`harness.localazure.arm.faults.calls`."""


class Journal:
    """The journal, in a database of its own."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("pragma journal_mode=wal")
        self._database.execute("pragma synchronous=off")
        names = ", ".join(item.name for item in fields(Entry))
        known = [row[1] for row in self._database.execute("pragma table_info(entries)")]
        if known and known != ["number", *(item.name for item in fields(Entry))]:
            self._database.execute("drop table entries")  # of an earlier version, which wrote down something else
        self._database.execute(f"create table if not exists entries (number integer primary key, {names})")
        self._database.create_function("regexp", 2, _matches, deterministic=True)
        self._insert = f"insert into entries ({names}) values ({', '.join('?' * len(fields(Entry)))})"  # noqa: S608 - field names

    def close(self) -> None:
        self._database.close()

    def add(self, entry: Entry) -> None:
        number = self._database.execute(self._insert, astuple(entry)).lastrowid or 0
        if number % 1000 == 0:
            self._database.execute("delete from entries where number <= ?", (number - KEPT,))

    def find(
        self, *, method: str = "", path: str = "", since: float = 0.0, until: float = math.inf, after: int = 0
    ) -> list[dict[str, Any]]:
        """Entries in order.

        :param method: method, or several with commas; empty for all.
        :param path: regular expression searched in the path without case.
        :param since: Unix time of the first.
        :param until: Unix time of the last.
        :param after: only entries with a greater ``number``.
        """
        re.compile(path)
        methods = [item.strip().upper() for item in method.split(",") if item.strip()]
        cursor = self._database.execute(
            "select * from entries where number > ? and at between ? and ? and (? = '' or regexp(?, path))"  # noqa: S608 - only question marks
            + (f" and method in ({', '.join('?' * len(methods))})" if methods else "")
            + " order by number",
            (after, since, until, path, path, *methods),
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None
