"""Leases between processes: shared beside shared, exclusive alone, and nobody waits for ever."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread, Timer

import pytest

from harness.errors import AbortedError
from harness.plugin import unread
from harness.plugin.leases import lease
from harness.runs.holdings import cut_off, holdings

HOLD = """
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from harness.plugin.leases import lease
soon = datetime.now(UTC) + timedelta(seconds=20)
with lease(Path(sys.argv[1]), exclusive=sys.argv[2] == "exclusive", deadline=soon, worker="gw7", test="suites/s.py::test"):
    print("held", flush=True)
    time.sleep(60)
"""


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@contextmanager
def held(folder: Path, kind: str) -> Iterator[None]:
    """Another process holds a lease; it is killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), kind], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield
        process.kill()


def test_shared_leases_stand_beside_each_other_and_an_exclusive_one_alone(tmp_path: Path) -> None:
    with held(tmp_path, "shared"):
        with lease(tmp_path, exclusive=False, deadline=soon(1)):
            pass
        with pytest.raises(AbortedError, match="exclusive use"), lease(tmp_path, exclusive=True, deadline=soon(0.1)):
            pass
    with lease(tmp_path, exclusive=True, deadline=soon(5)):  # the kernel dropped the dead process's lease
        pass


def test_who_holds_a_cluster_can_be_seen_while_its_process_lives(tmp_path: Path) -> None:
    with held(tmp_path, "shared"):
        (seen,) = holdings(tmp_path)
        assert (seen.worker, seen.test, seen.exclusive, seen.waiting) == ("gw7", "suites/s.py::test", False, False)
        waiting = Thread(target=_try_alone, args=(tmp_path,))
        waiting.start()
        while len(both := holdings(tmp_path)) < 2:
            time.sleep(0.01)
        assert [(one.exclusive, one.waiting) for one in both] == [(False, False), (True, True)]
        waiting.join()
    assert holdings(tmp_path) == [], "it was killed, and its file says nothing any more"


def _try_alone(folder: Path) -> None:
    with pytest.raises(AbortedError), lease(folder, exclusive=True, deadline=soon(0.5)):
        pass


def test_who_waits_for_exclusive_use_is_not_kept_waiting_by_newcomers(tmp_path: Path) -> None:
    order: list[str] = []
    began = time.monotonic()

    def share(seconds: float, name: str) -> None:
        with lease(tmp_path, exclusive=False, deadline=soon(20)):
            order.append(name)
            time.sleep(seconds)

    def alone() -> None:
        with lease(tmp_path, exclusive=True, deadline=soon(20)):
            order.append("alone")

    threads = [Thread(target=share, args=(0.5, "first")), Thread(target=alone), Thread(target=share, args=(0, "late"))]
    for thread in threads:
        thread.start()
        time.sleep(0.15)
    for thread in threads:
        thread.join(20)
    assert order == ["first", "alone", "late"]
    assert time.monotonic() - began < 10


def test_what_a_killed_test_left_is_removed_by_the_next_that_wants_the_cluster_alone(tmp_path: Path) -> None:
    cleaned: list[str] = []
    with held(tmp_path, "shared"):
        pass
    assert [one.test for one in cut_off(tmp_path).values()] == ["suites/s.py::test"]
    with lease(tmp_path, exclusive=False, deadline=soon(5), clean=lambda: cleaned.append("shared")):
        assert cleaned == [], "others may use it at the same time"
    with lease(tmp_path, exclusive=True, deadline=soon(5), clean=lambda: cleaned.append("alone")):
        assert cleaned == ["alone"]
    with lease(tmp_path, exclusive=True, deadline=soon(5), clean=lambda: cleaned.append("again")):
        assert cleaned == ["alone"]


def test_what_a_killed_test_left_that_had_the_cluster_alone_is_removed_by_the_next(tmp_path: Path) -> None:
    cleaned: list[bool] = []

    def clean() -> None:
        with pytest.raises(AbortedError), lease(tmp_path, exclusive=False, deadline=soon(0.1)):
            pass
        cleaned.append(True)

    with held(tmp_path, "exclusive"):
        pass
    with lease(tmp_path, exclusive=False, deadline=soon(5), clean=clean):
        assert cleaned == [True]
        with lease(tmp_path, exclusive=False, deadline=soon(1)):
            pass


def test_cleaning_waits_until_evidence_about_failed_tests_is_read(tmp_path: Path) -> None:
    order: list[str] = []
    failure = unread.note(tmp_path)

    def read() -> None:
        order.append("read")
        failure.unlink()

    with held(tmp_path, "exclusive"):
        pass
    reading = Timer(0.3, read)
    reading.start()
    with lease(tmp_path, exclusive=False, deadline=soon(5), clean=lambda: order.append("cleaned")):
        pass
    reading.join()
    assert order == ["read", "cleaned"]


def test_nobody_waits_for_ever_for_a_reader_that_was_killed(tmp_path: Path) -> None:
    unread.note(tmp_path)
    unread.wait_until_read(tmp_path, 0.1)
    unread.forget(tmp_path)
    unread.wait_until_read(tmp_path, 60)


def test_a_test_whose_own_process_was_killed_counts_as_killed(tmp_path: Path) -> None:
    cleaned: list[bool] = []
    with lease(tmp_path, exclusive=True, deadline=soon(5)) as record:
        record.cut_off()
    assert holdings(tmp_path) == []
    with lease(tmp_path, exclusive=True, deadline=soon(5), clean=lambda: cleaned.append(True)):
        pass
    assert cleaned == [True]
    assert not cut_off(tmp_path)


def test_a_cleaning_that_fails_is_tried_again_by_the_next(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError("no")

    with held(tmp_path, "exclusive"):
        pass
    with pytest.raises(OSError, match="no"), lease(tmp_path, exclusive=True, deadline=soon(5), clean=fail):
        pass
    assert cut_off(tmp_path)
