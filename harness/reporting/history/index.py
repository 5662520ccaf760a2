"""An index over the folders of runs, so that two hundred runs of five hundred tests are asked in a moment.

One SQLite file in the reports folder, brought up to date by looking at sizes and times of each run's ledger and results. It is a
copy: if it is missing, damaged, of another version or cannot be written, it is made anew, in memory if need be.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from harness.errors import Outcome, UsageError
from harness.reporting.history.api import CaseRecord, Key, RunRecord, TrackRecord
from harness.reporting.history.read import read
from harness.runs.folder import RunFolder

FILE = ".history.sqlite"
_VERSION = 1
_TABLES = 3
_BUSY = 10.0
"""Seconds to wait for another process that brings the index up to date."""

_SCHEMA = """
create table if not exists runs (
    id integer primary key, run text unique, stamp text, folder text, started real, seconds real, outcome text,
    running integer, cloud text, tracks text, ran integer, failed integer, flaky integer, skipped integer);
create table if not exists cases (
    id integer primary key, track text, suite text, test text, name text, classname text, unique (track, suite, test));
create table if not exists results (
    run integer, "case" integer, outcome text, seconds real, message text, ran integer, primary key (run, "case")
) without rowid;
create index if not exists by_case on results ("case", run);
"""


class History:
    """All runs of one reports folder, oldest first."""

    def __init__(self, database: sqlite3.Connection, records: Sequence[tuple[int, RunRecord]]) -> None:
        self._database = database
        self._ids = {record.run: number for number, record in records}
        self.runs = tuple(record for _, record in records)

    def find(self, run: str) -> RunRecord | None:
        return next((record for record in self.runs if record.run == run), None)

    def before(self, run: RunRecord, tracks: Iterable[str]) -> list[RunRecord]:
        """Earlier runs, newest first, that are over and have one of these tracks."""
        wanted = set(tracks)
        return [
            record
            for record in reversed(self.runs)
            if not record.running
            and (record.started, record.run) < (run.started, run.run)
            and wanted & {item.track for item in record.tracks}
        ]

    def cases(self, run: str) -> list[CaseRecord]:
        """The tests of one run."""
        rows = self._database.execute(
            "select track, suite, test, name, classname, outcome, seconds, message, ran"
            ' from results join cases on cases.id = results."case" where run = ?',
            (self._ids[run],),
        )
        return [
            CaseRecord(track, suite, test, name, classname, Outcome(outcome), seconds, message, bool(ran))
            for track, suite, test, name, classname, outcome, seconds, message, ran in rows
        ]

    def outcomes(self, runs: Sequence[RunRecord]) -> dict[Key, list[tuple[str, Outcome, float]]]:
        """Test -> (run, outcome, seconds) of these runs, in their order; tests that did not run are left out."""
        names = {self._ids[record.run]: record.run for record in runs}
        keys: dict[int, Key] = {
            row[0]: row[1:] for row in self._database.execute("select id, track, suite, test from cases")
        }
        found: dict[Key, list[tuple[str, Outcome, float]]] = defaultdict(list)
        kinds = {str(outcome): outcome for outcome in Outcome}
        for number, name in names.items():
            rows = self._database.execute(
                "select \"case\", outcome, seconds from results where run = ? and ran = 1 and outcome != 'skipped'",
                (number,),
            )
            for case, outcome, seconds in rows:
                found[keys[case]].append((name, kinds[outcome], seconds))
        return found


@contextmanager
def history(reports: Path) -> Iterator[History]:
    """The history of this folder, up to date."""
    database = _open(reports)
    try:
        try:
            records = _update(database, reports)
        except (
            sqlite3.DatabaseError
        ) as error:  # damaged further in than its first page, or held by another process for long
            database.close()
            if not isinstance(error, sqlite3.OperationalError):
                (reports / FILE).unlink(missing_ok=True)
            database = _memory() if isinstance(error, sqlite3.OperationalError) else _open(reports)
            records = _update(database, reports)
        yield History(database, records)
    finally:
        database.close()


def _open(reports: Path) -> sqlite3.Connection:
    path = reports / FILE
    for _ in range(2):
        database = None
        try:
            database = sqlite3.connect(path, timeout=_BUSY, isolation_level=None)
            version = database.execute("pragma user_version").fetchone()[0]
            tables = database.execute("select count(*) from sqlite_master where type = 'table'").fetchone()[0]
            if (version, tables) not in ((0, 0), (_VERSION, _TABLES)):
                raise sqlite3.DatabaseError("of another version, or incomplete")
            database.executescript(f"begin immediate; {_SCHEMA} pragma user_version = {_VERSION}; commit;")
            database.execute("pragma synchronous = off")  # it is a copy
            return database
        except sqlite3.OperationalError:  # the folder cannot be written
            break
        except sqlite3.DatabaseError:
            if database is not None:
                database.close()
            path.unlink(missing_ok=True)
    return _memory()


def _memory() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.executescript(_SCHEMA)
    return database


def _update(database: sqlite3.Connection, reports: Path) -> list[tuple[int, RunRecord]]:
    """Read what is new or has changed, forget what is gone; every run then, oldest first."""
    known = dict(database.execute("select run, stamp from runs"))
    stamps = {folder.path.name: _stamp(folder) for folder in RunFolder.all(reports)}
    changed = [run for run, stamp in stamps.items() if known.get(run) != stamp]
    gone = [run for run in known if run not in stamps]
    if changed or gone:
        database.execute("begin immediate")
        try:
            for run in (*gone, *changed):
                _forget(database, run)
            for run in changed:
                _remember(database, reports / run, stamps[run])
            database.execute("commit")
        except BaseException:
            database.execute("rollback")
            raise
    rows = database.execute(
        "select id, run, folder, started, seconds, outcome, running, cloud, tracks, ran, failed, flaky, skipped"
        " from runs order by started, run"
    )
    return [(row[0], _record(row[1:])) for row in rows]


def _stamp(folder: RunFolder) -> str:
    """Changes whenever the run's results can have."""
    parts = []
    for path in (folder.ledger, folder.results, folder.plan):
        try:
            found = path.stat()
            parts.append(f"{found.st_size}-{found.st_mtime_ns}")
        except OSError:
            parts.append("-")
    return " ".join(parts)


def _forget(database: sqlite3.Connection, run: str) -> None:
    database.execute("delete from results where run = (select id from runs where run = ?)", (run,))
    database.execute("delete from runs where run = ?", (run,))


def _remember(database: sqlite3.Connection, folder: Path, stamp: str) -> None:
    try:
        record, cases = read(folder)
    except UsageError:  # a plan of another version of this program
        return
    if record.running:
        stamp = ""  # its process may end without another line
    values = asdict(record) | {"stamp": stamp, "run": folder.name, "folder": str(folder)}
    values["tracks"] = json.dumps([asdict(track) for track in record.tracks])
    values["outcome"] = str(record.outcome)
    names = ", ".join(values)
    marks = ", ".join("?" for _ in values)
    number = database.execute(f"insert into runs ({names}) values ({marks})", tuple(values.values())).lastrowid  # noqa: S608 - our own names
    database.executemany(
        "insert into cases (track, suite, test, name, classname) values (?, ?, ?, ?, ?)"
        " on conflict (track, suite, test) do update set name = excluded.name, classname = excluded.classname",
        [(case.track, case.suite, case.test, case.name, case.classname) for case in cases],
    )
    database.executemany(
        "insert or replace into results select ?, id, ?, ?, ?, ? from cases where track = ? and suite = ? and test = ?",
        [(number, str(case.outcome), case.seconds, case.message, int(case.ran), *case.key) for case in cases],
    )


def _record(row: Sequence[object]) -> RunRecord:
    run, folder, started, seconds, outcome, running, cloud, tracks, *counts = row
    return RunRecord(
        str(run), str(folder), float(str(started)), float(str(seconds)), Outcome(str(outcome)), bool(running), str(cloud),
        tuple(TrackRecord(**track) for track in json.loads(str(tracks))), *(int(str(count)) for count in counts),
    )  # fmt: skip
