"""Runs and their workers, ``down``, ``sweep``, resuming and a person with the portal in any order, each process dying at any step.

Nothing leaks, and no living cluster is deleted, nor one that the person protects. ``MODEL_EXAMPLES=300`` tries so many random histories.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

sys.path.insert(0, str(Path(__file__).parent.parent))

from harness.clouds.api import TAG_EXPIRES, TAG_KEEP, TAG_OWNER, TAG_RUN
from harness.runs.folder import RunFolder
from harness.runs.holdings import cut_off, holdings
from harness.runs.ledger import Ledger
from harness.runs.state import RunState
from harness.runs.status import RunStatus, status
from runs.actors import Death, act, settings_in
from runs.fakes import FileCloud

FOREIGN = {
    "somebody-elses": {},
    "unowned": {TAG_RUN: "r", TAG_EXPIRES: "2020-01-01T00:00:00Z"},
    "marked": {TAG_RUN: "r", TAG_OWNER: "o", TAG_KEEP: "yes", TAG_EXPIRES: "2020-01-01T00:00:00Z"},
}
DAYS = 10 * 86400.0
LONG = 240.0

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["runs.actors"])
numbers = st.integers(0, 9)
deaths = st.one_of(st.just(Death(0)), st.just(Death(0)), st.builds(Death, st.integers(1, 40), st.booleans()))


@dataclass
class Living:
    """A run whose process is up and waits."""

    run: str
    process: BaseProcess
    pipe: Connection


@dataclass
class Worker:
    """A process that holds a lease."""

    run: str
    exclusive: bool
    process: BaseProcess
    pipe: Connection


class Runs(RuleBasedStateMachine):
    """The host, with one cloud and one folder of reports."""

    def __init__(self) -> None:
        super().__init__()
        with (
            pytest.MonkeyPatch.context() as patch
        ):  # Python 3.11 does not give its server our path (python/cpython#117378)
            patch.setenv("PYTHONPATH", str(Path(__file__).parent.parent), prepend=os.pathsep)
            ensure_running()
        self.base = Path(tempfile.mkdtemp())
        (self.base / "suites" / "s").mkdir(parents=True)
        (self.base / "suites" / "s" / "test_s.py").touch()
        self.settings = settings_in(self.base)
        self.alive: dict[str, Living] = {}
        self.workers: list[Worker] = []
        self.unclean: set[str] = set()
        """Runs on whose cluster a worker with a lease was killed."""
        self.protected: set[str] = set()
        """Groups that a person has marked, or taken the owner tag from."""

    @initialize()
    def begin_with_others_and_a_run(self) -> None:
        with FileCloud(self.settings) as cloud:
            for name, tags in FOREIGN.items():
                cloud.create_group(name, "westeurope", tags)
        self.up(Death(0), keep=True)

    @rule(death=deaths, keep=st.booleans())
    def start(self, death: Death, keep: bool) -> None:
        self.up(death, keep=keep)

    @rule(number=numbers, death=deaths, keep=st.booleans(), late=st.booleans())
    def resume(self, number: int, death: Death, keep: bool, late: bool) -> None:
        """Go on with a run, however it ended."""
        self.go_on(self.idle(), number, death, late, keep=keep, resumed=True)

    @rule(number=numbers, death=deaths, late=st.booleans())
    def test_again(self, number: int, death: Death, late: bool) -> None:
        """Use the cluster that a run has kept."""
        self.go_on(self.kept(), number, death, late, keep=False)

    def go_on(self, runs: list[str], number: int, death: Death, late: bool, **arguments: Any) -> None:
        """Another session of one of these runs, perhaps when its tags are past; a janitor elsewhere leaves its cluster alone."""
        if not runs:
            return
        run = runs[number % len(runs)]
        if late:
            self.expire(run)
        self.up(death, run=run, **arguments)
        self.janitor(Death(0))

    def up(self, death: Death, **arguments: Any) -> None:
        """A process that brings clusters up, or takes them over; nothing if it died before they were."""
        process, pipe = self.begin("run", death, **arguments)
        answer = _answer(pipe)
        if answer is None:
            process.join(LONG)
            return
        assert answer[0] == "up", answer
        self.alive[answer[1]] = Living(answer[1], process, pipe)

    def living(self, number: int) -> Living:
        """A run that is up; a new one if there is none."""
        if not self.alive:
            self.up(Death(0), keep=False)
        return list(self.alive.values())[number % len(self.alive)]

    @rule(number=numbers)
    def finish(self, number: int) -> None:
        which = self.living(number)
        del self.alive[which.run]
        if which.process.is_alive():
            which.pipe.send("end")
            _answer(which.pipe)
        which.process.join(LONG)
        self.ended(which.run)

    @rule(number=numbers)
    def kill(self, number: int) -> None:
        which = self.living(number)
        del self.alive[which.run]
        assert which.process.pid
        if which.process.is_alive():
            os.kill(which.process.pid, signal.SIGKILL)
        which.process.join(LONG)

    @rule(number=numbers, death=deaths)
    def down(self, number: int, death: Death) -> None:
        which = self.living(number)
        del self.alive[which.run]
        answer = self.do("down", death, run=which.run)
        assert answer is None or answer == ("done", "passed"), answer
        if answer is None:  # it died on its way; the run may live on, and if so is one that was asked to stop
            which.process.join(LONG)
        self.ended(which.run)

    @rule(number=numbers, death=deaths)
    def down_of_what_was_left(self, number: int, death: Death) -> None:
        if not (found := self.idle()):
            return
        run = found[number % len(found)]
        answer = self.do("down", death, run=run)
        assert answer is None or answer == ("done", "passed"), answer
        self.ended(run)

    @rule(number=numbers, exclusive=st.booleans(), death=deaths, killed=st.booleans())
    def work(self, number: int, exclusive: bool, death: Death, killed: bool) -> None:
        """A worker asks for the cluster, and may be killed when it has it."""
        which = self.living(number)
        beside = [one for one in self.workers if one.run == which.run]
        left = [one for leases in self.leases(which.run) for one in cut_off(leases).values()]
        alone = exclusive or any(one.exclusive for one in left)
        blocked = bool(beside) if alone else any(one.exclusive for one in beside)
        seconds = 0.2 if blocked else LONG / 2
        process, pipe = self.begin("work", death, run=which.run, exclusive=exclusive, seconds=seconds)
        answer = _answer(pipe)
        if answer is None:
            process.join(LONG)
            return
        assert answer[0] == ("failed" if blocked else "held"), answer
        if blocked:
            assert "AbortedError" in answer[1], answer
            process.join(LONG)
            return
        if alone:
            assert answer[1] or which.run not in self.unclean, "what a killed test left was not removed"
            self.unclean.discard(which.run)
        self.workers.append(Worker(which.run, exclusive, process, pipe))
        if killed:
            self.end_a_worker(-1, True)

    @rule(number=numbers, killed=st.booleans())
    def end_a_worker(self, number: int, killed: bool) -> None:
        """It lets go, or is killed: its lease is free then, as later ones show."""
        if not self.workers:
            return
        worker = self.workers.pop(number % len(self.workers))
        if killed:
            worker.process.kill()
            self.unclean.add(worker.run)
        elif worker.process.is_alive():
            worker.pipe.send("let go")
            _answer(worker.pipe)
        worker.process.join(LONG)

    @rule(number=numbers, how=st.sampled_from(["mark", "disown", "give back"]))
    def by_hand(self, number: int, how: str) -> None:
        """Somebody protects a group, to look at it, or has seen enough."""
        if not (found := sorted(self.groups() - FOREIGN.keys())):
            return
        group = found[number % len(found)]
        with FileCloud(self.settings) as cloud:
            if how == "mark":
                cloud.tag_group(group, {TAG_KEEP: "true"})
            elif how == "disown":
                cloud.untag_group(group, TAG_OWNER)
            else:
                cloud.tag_group(group, {TAG_KEEP: "false", TAG_OWNER: "me"})
        (self.protected.discard if how == "give back" else self.protected.add)(group)

    def expire(self, run: str) -> None:
        """Hours pass, and its tags are past."""
        if group_of(run) in self.groups():
            with FileCloud(self.settings) as cloud:
                cloud.tag_group(group_of(run), {TAG_EXPIRES: "2020-01-01T00:00:00Z"})

    @rule(number=numbers, death=deaths)
    def janitor_when_a_run_has_expired(self, number: int, death: Death) -> None:
        if found := self.idle():
            self.expire(found[number % len(found)])
        self.janitor(death)

    def janitor(self, death: Death) -> None:
        """A sweep on another host, by tags alone."""
        answer = self.do("janitor", death)
        assert answer is None or answer[0] == "done", answer

    @rule(death=deaths, later=st.sampled_from([0.0, DAYS]))
    def sweep(self, death: Death, later: float) -> None:
        answer = self.do("sweep", death, later=later)
        assert answer is None or answer[0] == "done", answer

    @rule(number=numbers)
    def down_and_sweep_at_once(self, number: int) -> None:
        which = self.living(number)
        del self.alive[which.run]
        both = [self.begin("down", Death(0), run=which.run), self.begin("sweep", Death(0), later=DAYS)]
        answers = [_answer(pipe) for _, pipe in both]
        for process, _ in both:
            process.join(LONG)
        assert answers[0] is not None
        assert answers[1] is not None
        assert answers[1][0] == "done", answers
        assert group_of(which.run) not in self.groups()
        self.ended(which.run)

    @invariant()
    def nothing_exists_without_its_line(self) -> None:
        for name in self.groups() - FOREIGN.keys():
            run = name.removeprefix("harness-").removesuffix("-1")
            state = RunState.of(Ledger(self.settings.reports / run / "ledger.jsonl").read())
            assert ("resourceGroup", name) in state.remaining, f"{name} is nowhere"

    @invariant()
    def living_clusters_are_there(self) -> None:
        for run, one in self.alive.items():
            if one.process.is_alive():
                assert group_of(run) in self.groups(), f"the cluster of living run {run} was deleted"

    @invariant()
    def protected_groups_are_there(self) -> None:
        assert self.protected <= self.groups(), "what a person protects was deleted"

    @invariant()
    def leases_are_those_of_living_workers(self) -> None:
        for folder in RunFolder.all(self.settings.reports):
            seen = {one.pid for leases in self.leases(folder.path.name) for one in holdings(leases)}
            there = [one for one in self.workers if one.run == folder.path.name and one.process.is_alive()]
            assert seen == {one.process.pid for one in there}

    @invariant()
    def other_peoples_groups_are_there(self) -> None:
        if (self.settings.state / "groups").exists():
            assert self.groups() >= FOREIGN.keys()

    def teardown(self) -> None:
        for one in [*self.alive.values(), *self.workers]:
            one.process.kill()
            one.process.join(LONG)
        self.sweep(Death(0), DAYS)
        assert self.protected | FOREIGN.keys() == self.groups(), "only what is protected is left"
        with FileCloud(self.settings) as cloud:
            for group in self.protected:
                cloud.tag_group(group, {TAG_KEEP: "false", TAG_OWNER: "me"})
        answer = self.do("sweep", Death(0), later=DAYS)
        assert answer is not None
        assert answer[0] == "done", answer
        assert "failed" not in answer[1].values(), answer
        assert self.groups() == set(FOREIGN)
        assert [run.run for run in status(self.settings.reports) if run.resources or run.unfinished] == []
        shutil.rmtree(self.base)

    def ended(self, run: str) -> None:
        """Its cluster was to go, protected or not; it may still be there, if that was cut off or the run was to keep it."""
        if group_of(run) not in self.groups():
            self.protected.discard(group_of(run))

    def idle(self) -> list[str]:
        """Runs that no process of this history works on."""
        return [run.run for run in self.runs() if run.run not in self.alive]

    def kept(self) -> list[str]:
        """Those of them whose clusters were kept, and are there."""
        there = self.groups()
        return [run.run for run in self.runs() if run.what == "kept" and group_of(run.run) in there]

    def runs(self) -> list[RunStatus]:
        return [run for run in status(self.settings.reports) if not run.problem and not run.owners]

    def leases(self, run: str) -> list[Path]:
        return list((self.settings.reports / run).glob("cells/*/leases"))

    def groups(self) -> set[str]:
        return {path.stem for path in (self.settings.state / "groups").glob("*.json")}

    def begin(self, action: str, death: Death, **arguments: Any) -> tuple[BaseProcess, Connection]:
        ours, theirs = context.Pipe()
        process = context.Process(target=act, args=(str(self.base), action, death, theirs, arguments), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    def do(self, action: str, death: Death, **arguments: Any) -> tuple[str, Any] | None:
        process, pipe = self.begin(action, death, **arguments)
        answer = _answer(pipe)
        process.join(LONG)
        assert not process.is_alive(), f"{action} hangs"
        return answer


def group_of(run: str) -> str:
    return f"harness-{run}-1"


def _answer(pipe: Connection) -> tuple[str, Any] | None:
    """What the process says next; None if it died."""
    assert pipe.poll(LONG), "no answer"
    try:
        found: tuple[str, Any] = pipe.recv()
    except EOFError:
        return None
    return found


TestRuns = Runs.TestCase
TestRuns.settings = settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "20")),
    stateful_step_count=16,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes; the steps are few anyway
    derandomize="MODEL_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
