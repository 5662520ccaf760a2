"""As many cells at once as the quotas carry; the others wait for one to leave, and what never fits is refused before anything exists."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from localazure.conftest import RunningServer

from harness.clouds.room import Demand, Room
from harness.errors import AbortedError, CloudError, Outcome, QuotaError, UsageError
from harness.runs.admission import Admission
from harness.runs.awaiting import wait_for_cluster
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.parts import Parts
from harness.runs.state import RunState
from harness.settings import Settings

SIZE = "Standard_D2s_v5"
THREE = Demand(3, 1)
SOURCES = ("module:v1.37.2", "module:v1.36.3", "module:v1.35.4")
CELLS = tuple(f"{source.partition(':')[2]}-kubeadm-westeurope" for source in SOURCES)

NARROW = tuple(cell.replace("westeurope", "narrow") for cell in CELLS)


def admission(cores: int, *failover: str) -> Admission:
    places = ("here", *failover)
    return Admission({place: Room(place, SIZE, 2, cores, 10) for place in places}, failover)


def test_as_many_as_fit_and_the_rest_in_order() -> None:
    found = admission(12)
    assert [found.place(cell, "here", THREE) for cell in "abcd"] == ["here", "here", "", ""]
    assert [found.admitted(cell) for cell in "abcd"] == [True, True, False, False]
    said: list[str] = []
    came: list[str] = []

    def wait(cell: str) -> None:
        found.await_turn(cell, "here", THREE, threading.Event(), said.append)
        came.append(cell)

    threads = [threading.Thread(target=wait, args=(cell,), daemon=True) for cell in "dc"]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    assert came == []
    for left in "ab":
        found.leave(left)
        time.sleep(0.05)
    for thread in threads:
        thread.join(5)
    assert came == ["c", "d"]
    assert any("6 cores for 3 x Standard_D2s_v5, 0 free" in text for text in said)


def test_no_more_cells_than_were_asked_for() -> None:
    """Those that stay do not count, and nobody is kept out when nobody leaves any more."""
    found = Admission({}, (), most=2)
    assert [found.place(cell, "here", THREE) for cell in "abcde"] == ["here", "here", "", "", ""]
    came: list[str] = []

    def wait(cell: str) -> None:
        found.await_turn(cell, "here", THREE, threading.Event(), said.append)
        came.append(cell)

    said: list[str] = []
    threads = {cell: threading.Thread(target=wait, args=(cell,), daemon=True) for cell in "edc"}
    for thread in threads.values():
        thread.start()
    until = time.monotonic() + 5
    while not said and time.monotonic() < until:
        time.sleep(0.05)
    assert came == []
    assert set(said) == {"waiting for room: 2 cells are up, as many as may be"}
    found.leave("a")
    threads["c"].join(5)
    found.stay("b")
    threads["d"].join(5)
    assert came == ["c", "d"]
    found.settle()
    threads["e"].join(5)
    assert came == ["c", "d", "e"]


def test_another_location_is_used_before_anybody_waits() -> None:
    found = admission(6, "there")
    assert [found.place(cell, "here", THREE) for cell in "abc"] == ["here", "there", ""]


def test_what_never_fits_is_refused_with_the_numbers() -> None:
    with pytest.raises(QuotaError, match="6 cores for 3 x Standard_D2s_v5, 4 free"):
        admission(4).place("a", "here", THREE)


def test_nobody_waits_beyond_the_end_of_the_run() -> None:
    found, cut = admission(6), threading.Event()
    found.place("a", "here", THREE)
    found.place("b", "here", THREE)
    cut.set()
    with pytest.raises(AbortedError):
        found.await_turn("b", "here", THREE, cut, print)
    assert not found.waiting


def test_nobody_waits_when_nobody_is_going_to_leave() -> None:
    found = admission(6)
    found.place("a", "here", THREE)
    found.place("b", "here", THREE)
    found.settle()
    with pytest.raises(QuotaError, match="6 cores for 3 x Standard_D2s_v5, 0 free"):
        found.await_turn("b", "here", THREE, threading.Event(), print)


def test_nobody_waits_for_one_that_is_kept() -> None:
    found = admission(6)
    for cell in "abc":
        found.place(cell, "here", THREE)
    found.stay("a")
    for cell in "bc":
        with pytest.raises(QuotaError):
            found.await_turn(cell, "here", THREE, threading.Event(), print)


def test_failover_goes_only_where_there_is_room() -> None:
    found = admission(6, "there", "yonder")
    found.place("a", "here", THREE)
    found.place("b", "there", THREE)
    assert found.alternatives("a") == ("yonder",)
    found.moved("b", "yonder")
    assert found.alternatives("a") == ("there",)


def groups(server: RunningServer) -> int:
    return len(server.ok("GET", "/resourcegroups")["value"])


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=60)


def test_cells_that_do_not_fit_wait_for_those_whose_tests_are_done(
    settings: Settings, azure: Parts, server: RunningServer
) -> None:
    server.ok("POST", "/localazure/config", {"quota": {"westeurope": {"cores": 5}}})
    lifecycle = Lifecycle.open(settings.changed(workers=1, source=SOURCES), None, parts=azure)
    lifecycle.prepare()
    lifecycle.start()
    for number, cell in enumerate(CELLS):
        assert wait_for_cluster(lifecycle.folder.path, cell, soon()).cell == cell
        assert groups(server) == 1, "never more than the quota carries"
        assert [lifecycle.admitted(name) for name in CELLS] == [True] * (number + 1) + [False] * (2 - number)
        lifecycle.retire(cell, failed=False)
    assert lifecycle.finish(aborted=False) is Outcome.PASSED
    assert groups(server) == 0
    failed = [
        entry
        for entry in server.ok("GET", "/localazure/journal?method=PUT")["value"]
        if entry["code"] == "OperationNotAllowed"
    ]
    assert failed == [], "no quota was run into"


def two_for_the_room_of_one(settings: Settings, parts: Parts) -> Lifecycle:
    """The first is up, the second waits."""
    lifecycle = Lifecycle.open(settings.changed(source=SOURCES[:2], location=("narrow",)), None, parts=parts)
    lifecycle.prepare()
    lifecycle.start()
    wait_for_cluster(lifecycle.folder.path, NARROW[0], soon())
    assert not lifecycle.admitted(NARROW[1])
    return lifecycle


def test_nobody_waits_for_one_whose_teardown_breaks(settings: Settings, parts: Parts) -> None:
    lifecycle = two_for_the_room_of_one(settings, parts)
    whole = lifecycle.ledger.path.read_bytes()
    with lifecycle.ledger.path.open("ab") as file:
        file.write(b'{"v": 99, "at": 1, "kind": "run", "cell": ""}\n')
    lifecycle.retire(NARROW[0], failed=False)  # no ledger can be read that has this line
    until = time.monotonic() + 20
    while not lifecycle.admitted(NARROW[1]) and time.monotonic() < until:  # refused is not waiting
        time.sleep(0.01)
    said = lifecycle.ledger.path.read_bytes().replace(b'{"v": 99, "at": 1, "kind": "run", "cell": ""}\n', b"")
    lifecycle.ledger.path.write_bytes(said)
    assert said.startswith(whole)
    lifecycle.join()
    failure = RunState.of(lifecycle.ledger.read()).failure(NARROW[1])
    assert failure is not None
    assert failure.outcome is Outcome.QUOTA
    lifecycle.finish(aborted=False)
    assert RunState.of(lifecycle.ledger.read()).remaining == {}


def test_a_cell_whose_logs_cannot_be_kept_goes_and_makes_room(settings: Settings, parts: Parts) -> None:
    lifecycle = two_for_the_room_of_one(settings, parts)
    lifecycle.folder.cell(NARROW[0]).logs.touch()  # where a folder should be
    lifecycle.retire(NARROW[0], failed=True)
    assert wait_for_cluster(lifecycle.folder.path, NARROW[1], soon()).location == "narrow"
    lifecycle.finish(aborted=False)
    state = RunState.of(lifecycle.ledger.read())
    assert (state.phases[NARROW[0], "collect"].state, state.phases[NARROW[0], "down"].state) == ("failed", "passed")
    assert state.remaining == {}


def test_one_cell_too_large_is_refused_and_the_others_come_up(
    settings: Settings, azure: Parts, server: RunningServer
) -> None:
    server.ok("POST", "/localazure/config", {"quota": {"uksouth": {"PublicIPAddresses": 0}}})
    lifecycle = Lifecycle.open(settings.changed(workers=1, location=("westeurope", "uksouth")), None, parts=azure)
    lifecycle.prepare()
    lifecycle.start()
    wait_for_cluster(lifecycle.folder.path, CELLS[0], soon())
    with pytest.raises(QuotaError, match="1 public addresses, 0 free"):
        wait_for_cluster(lifecycle.folder.path, CELLS[0].replace("westeurope", "uksouth"), soon())
    assert groups(server) == 1
    assert lifecycle.finish(aborted=False) is Outcome.QUOTA


def test_a_restricted_location_is_left_before_anything_is_created(
    settings: Settings, azure: Parts, server: RunningServer
) -> None:
    server.ok("POST", "/localazure/config", {"quota": {"westeurope": {SIZE: 0}}})
    lifecycle = Lifecycle.open(settings.changed(workers=1, failover_location=("uksouth",)), None, parts=azure)
    lifecycle.prepare()
    lifecycle.start()
    assert wait_for_cluster(lifecycle.folder.path, CELLS[0], soon()).location == "uksouth"
    [move] = [entry for entry in Ledger(lifecycle.folder.ledger).read() if entry.kind == "moved"]
    assert (move.text("source"), move.text("target")) == ("westeurope", "uksouth")
    assert "NotAvailableForSubscription" in move.text("message")
    lifecycle.finish(aborted=False)
    assert RunState.of(Ledger(lifecycle.folder.ledger).read()).remaining == {}


@pytest.mark.parametrize(
    ("change", "config", "kind", "words"),
    [
        ({"vm_size": "Standard_Nonsense"}, {}, UsageError, "--vm-size 'Standard_Nonsense' is offered in none of"),
        ({}, {"secret_expires": 1}, CloudError, "AADSTS7000222"),
    ],
)
def test_what_is_wrong_for_all_ends_the_run_before_it_builds(
    settings: Settings,
    azure: Parts,
    server: RunningServer,
    change: dict[str, str],
    config: dict[str, int],
    kind: type[Exception],
    words: str,
) -> None:
    server.ok("POST", "/localazure/config", config)
    lifecycle = Lifecycle.open(settings.changed(**change), None, parts=azure)
    with pytest.raises(kind, match=words):
        lifecycle.prepare()
    lifecycle.finish(aborted=True)
    assert not settings.cache.exists(), "nothing was built"
    assert groups(server) == 0


def test_providers_are_registered_once_for_all_cells(settings: Settings, azure: Parts, server: RunningServer) -> None:
    server.ok("POST", "/providers/Microsoft.Network/unregister")
    after = server.ok("GET", "/localazure/journal")["value"][-1]["number"]
    lifecycle = Lifecycle.open(settings.changed(workers=1, source=SOURCES), None, parts=azure)
    lifecycle.prepare()
    lifecycle.start()
    for cell in CELLS:
        wait_for_cluster(lifecycle.folder.path, cell, soon())
    asked = server.ok("GET", f"/localazure/journal?method=POST&path=register&after={after}")["value"]
    assert len(asked) == 1
    lifecycle.finish(aborted=False)


def test_a_taken_name_is_said_before_anything_is_created(
    settings: Settings, azure: Parts, server: RunningServer
) -> None:
    lifecycle = Lifecycle.open(settings, None, parts=azure)
    server.ok("PUT", f"/resourceGroups/harness-{lifecycle.plan.run}-1", {"location": "uksouth"})
    with pytest.raises(UsageError, match="exists already"):
        lifecycle.prepare()
    lifecycle.finish(aborted=True)
    server.ok("DELETE", f"/resourceGroups/harness-{lifecycle.plan.run}-1")
