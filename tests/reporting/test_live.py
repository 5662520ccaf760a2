from __future__ import annotations

import io
import threading
from pathlib import Path

from rich.console import Console

from harness.errors import Outcome
from harness.reporting.live import Progress
from harness.settings import Settings

from .synthetic import START, Folder, many, result


def shown(folder: Folder, terminal: bool = False) -> str:
    """What following a run prints until it is stopped at once."""
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=terminal, color_system=None)
    stop = threading.Event()
    stop.set()
    Progress(folder.path, console, clock=lambda: START + folder.at).follow(stop)
    return out.getvalue()


def test_plain_lines_tell_phases_failures_and_a_count(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.ledger("phase", "v1.37.2-kubeadm-westeurope", phase="test", state="started")
    tests = many(30)
    folder.planned([test.nodeid for test in tests])
    folder.results([*tests[:10], result("dns\x1b[31m", Outcome.FAILED, nodeid=tests[10].nodeid, message="no\nanswer")])
    folder.at = 120
    text = shown(folder)
    assert "readiness passed in 12 s" in text
    assert "failed dns (1.0 s): no\n" in text
    assert text.count("\n") == 12
    assert "tests: 11 of 30 done, 1 failed, 12 running, about" in text
    assert "passed in 0." not in text.replace("plan passed in 0.4 s", "")


def test_what_failed_and_runs_again_is_told_apart_from_the_end(tmp_path: Path) -> None:
    folder = Folder(tmp_path, settings=Settings(reruns=1))
    folder.up()
    folder.ledger("phase", "v1.37.2-kubeadm-westeurope", phase="test", state="started")
    tests = [*many(3), result("dns", Outcome.FAILED)]
    folder.planned([test.nodeid for test in tests])
    folder.results(tests)
    folder.at = 120
    assert "tests: 4 of 4 done, 1 failed, running again\n" in shown(folder)


def test_only_new_lines_are_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.started()
    out = io.StringIO()
    progress = Progress(tmp_path, Console(file=out, width=100))
    folder.phase("plan", 1, cell="")
    progress.tell()
    before = out.getvalue()
    progress.tell()
    assert out.getvalue() == before != ""
    with (tmp_path / "ledger.jsonl").open("a") as file:
        file.write('{"v": 1, "at": 1795473')
    progress.tell()
    assert out.getvalue() == before


def test_what_happened_before_is_not_told_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    out = io.StringIO()
    progress = Progress(tmp_path, Console(file=out, width=100), since=START + folder.at + 1)
    progress.tell()
    assert out.getvalue() == ""


def test_terminal_shows_a_panel(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.up()
    folder.ledger("phase", "v1.37.2-kubeadm-westeurope", phase="test", state="started")
    folder.planned(["a", "b"])
    folder.results([result("one")])
    text = shown(folder, terminal=True)
    assert "v1.37.2-kubeadm-westeurope" in text
    assert "1 of 2 done" in text


def test_an_empty_folder_shows_nothing(tmp_path: Path) -> None:
    assert shown(Folder(tmp_path)) == ""
