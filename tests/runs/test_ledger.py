"""What a ledger keeps when writers are killed or many."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.errors import HarnessError, Outcome, UsageError
from harness.runs.ledger import Ledger
from harness.runs.state import RunState, exit_code, worst


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("run", state="started")
    ledger.append("creating", "c", resource="resourceGroup", name="g")
    assert [(entry.kind, entry.cell, entry.text("name")) for entry in ledger.read()] == [
        ("run", "", ""),
        ("creating", "c", "g"),
    ]


@pytest.mark.parametrize(
    "torn", [b'{"v": 1, "at": 1.0, "ki', b"{", b"\x00\x00", b'{"v": 1}', '{"v": 1, "text": "é'.encode()[:-1]]
)
def test_a_torn_line_is_skipped_and_does_not_swallow_the_next(tmp_path: Path, torn: bytes) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("progress", text="before")
    with ledger.path.open("ab") as file:
        file.write(torn)
    assert [entry.text("text") for entry in ledger.read()] == ["before"]
    ledger.append("progress", text="after")
    assert [entry.text("text") for entry in ledger.read()] == ["before", "after"]


@pytest.fixture
def full() -> Iterator[Callable[[int], None]]:
    """Sets the size that no file may exceed; -1 for any."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def room(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size if size >= 0 else limits[0], limits[1]))

    yield room
    room(-1)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("room", [0, 1, 20])
@pytest.mark.parametrize("ending", [False, True])
def test_what_cannot_be_announced_is_not_created(
    tmp_path: Path, full: Callable[[int], None], room: int, ending: bool
) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", ending=ending)
    ledger.append("progress", text="before")
    before = ledger.path.read_bytes()
    full(len(before) + room)
    with pytest.raises(HarnessError, match=r"nothing is created without its line"):
        ledger.append("creating", "c", resource="resourceGroup", name="g")
    assert ledger.path.read_bytes() == before  # not half of it either


def test_who_takes_down_goes_on_and_writes_when_there_is_room(
    tmp_path: Path, full: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("progress", text="before")
    full(ledger.path.stat().st_size + 20)
    with pytest.raises(HarnessError, match="File too large"):
        ledger.append("progress", text="refused")
    ledger.ending = True
    for text in ("one", "two"):
        ledger.append("progress", text=text)
    assert not ledger.settled()
    assert [entry.text("text") for entry in ledger.read()] == ["before", "one", "two"]
    assert [entry.text("text") for entry in Ledger(ledger.path).read()] == ["before"]
    full(-1)
    assert capsys.readouterr().err.count("cannot be written (File too large)") == 1
    ledger.append("progress", text="three")
    assert ledger.settled()
    assert [entry.text("text") for entry in Ledger(ledger.path).read()] == ["before", "one", "two", "three"]


def test_many_writers_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Ledger(path).append("progress", text=str(n) * 50), range(64)))
    assert len(Ledger(path).read()) == 64


def test_a_follower_passes_over_a_torn_line_once_it_is_followed_by_another(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    batches = ledger.follow(poll=0.001)
    with ledger.path.open("ab") as file:
        file.write('{"v": 1, "text": "é'.encode()[:-1])
    assert next(batches) == []
    ledger.append("progress", text="next")
    assert [entry.text("text") for entry in next(batches)] == ["next"]


def test_a_ledger_of_another_version_is_refused_in_one_line_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"v": 2, "at": 1, "kind": "run", "cell": ""}\n')
    with pytest.raises(UsageError, match="version 2") as caught:
        Ledger(path).read()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_following_gives_what_is_there_and_then_what_comes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("progress", text="one")
    batches = ledger.follow(poll=0.001)
    assert [entry.text("text") for entry in next(batches)] == ["one"]
    assert next(batches) == []
    ledger.append("progress", text="two")
    assert [entry.text("text") for entry in next(batches)] == ["two"]


def test_what_is_gone_or_kept_is_told_apart(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for name in ("gone", "kept", "left"):
        ledger.append("creating", "c", resource="resourceGroup", name=name, cloud="local", location="l")
    ledger.append("gone", "c", resource="resourceGroup", name="gone")
    ledger.append("kept", "c", resource="resourceGroup", name="kept", until=5.0)
    state = RunState.of(ledger.read())
    assert [name for _, name in state.remaining] == ["kept", "left"]
    assert [name for _, name in state.abandoned] == ["left"]


def test_the_worst_outcome_decides_the_exit_code() -> None:
    assert worst([Outcome.PASSED, Outcome.FAILED, Outcome.DEPLOY]) is Outcome.DEPLOY
    assert exit_code([Outcome.PASSED, Outcome.SKIPPED]) == 0
    assert exit_code([]) == 5
    assert exit_code([Outcome.FAILED, Outcome.LEAK]) == 6
