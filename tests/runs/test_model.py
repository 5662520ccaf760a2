"""Runs, ``down`` and ``sweep`` in any order, each process dying at any step: nothing leaks, and no living cluster is deleted."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

sys.path.insert(0, str(Path(__file__).parent.parent))

from harness.clouds.api import TAG_EXPIRES, TAG_KEEP, TAG_OWNER, TAG_RUN
from harness.runs.ledger import Ledger
from harness.runs.state import RunState
from harness.runs.status import status
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
deaths = st.one_of(st.just(Death(0)), st.builds(Death, st.integers(1, 40), st.booleans()))


@dataclass
class Living:
    """A run whose process is up and waits."""

    run: str
    process: BaseProcess
    pipe: Connection


class Runs(RuleBasedStateMachine):
    """The host, with one cloud and one folder of reports."""

    living = Bundle("living")

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp())
        (self.base / "suites" / "s").mkdir(parents=True)
        (self.base / "suites" / "s" / "test_s.py").touch()
        self.settings = settings_in(self.base)
        self.alive: dict[str, Living] = {}

    @initialize()
    def others(self) -> None:
        with FileCloud(self.settings) as cloud:
            for name, tags in FOREIGN.items():
                cloud.create_group(name, "westeurope", tags)

    @rule(target=living, death=deaths, keep=st.booleans())
    def start(self, death: Death, keep: bool) -> Any:
        process, pipe = self.begin("run", death, keep=keep)
        answer = _answer(pipe)
        if answer is None:
            process.join(LONG)
            return multiple()
        assert answer[0] == "up", answer
        found = Living(answer[1], process, pipe)
        self.alive[found.run] = found
        return found

    @rule(which=consumes(living))
    def finish(self, which: Living) -> None:
        del self.alive[which.run]
        if which.process.is_alive():
            which.pipe.send("end")
            _answer(which.pipe)
        which.process.join(LONG)

    @rule(which=consumes(living))
    def kill(self, which: Living) -> None:
        del self.alive[which.run]
        assert which.process.pid
        if which.process.is_alive():
            os.kill(which.process.pid, signal.SIGKILL)
        which.process.join(LONG)

    @rule(which=consumes(living), death=deaths)
    def down(self, which: Living, death: Death) -> None:
        del self.alive[which.run]
        answer = self.do("down", death, run=which.run)
        assert answer is None or answer == ("done", "passed"), answer
        if answer is None:  # it died on its way; the run may live on, and if so is one that was asked to stop
            which.process.join(5.0)

    @rule(death=deaths, later=st.sampled_from([0.0, DAYS]))
    def sweep(self, death: Death, later: float) -> None:
        answer = self.do("sweep", death, later=later)
        assert answer is None or answer[0] == "done", answer

    @rule(which=consumes(living))
    def down_and_sweep_at_once(self, which: Living) -> None:
        del self.alive[which.run]
        both = [self.begin("down", Death(0), run=which.run), self.begin("sweep", Death(0), later=DAYS)]
        answers = [_answer(pipe) for _, pipe in both]
        for process, _ in both:
            process.join(LONG)
        assert answers[0] is not None
        assert answers[1] is not None
        assert answers[1][0] == "done", answers
        assert f"harness-{which.run}-1" not in self.groups()

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
                assert f"harness-{run}-1" in self.groups(), f"the cluster of living run {run} was deleted"

    @invariant()
    def other_peoples_groups_are_there(self) -> None:
        if (self.settings.state / "groups").exists():
            assert self.groups() >= FOREIGN.keys()

    def teardown(self) -> None:
        for one in self.alive.values():
            one.process.kill()
            one.process.join(LONG)
        answer = self.do("sweep", Death(0), later=DAYS)
        assert answer is not None
        assert answer[0] == "done", answer
        assert "failed" not in answer[1].values(), answer
        assert self.groups() == set(FOREIGN)
        assert [run.run for run in status(self.settings.reports) if run.resources or run.unfinished] == []
        shutil.rmtree(self.base)

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
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "8")),
    stateful_step_count=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes; the steps are few anyway
    derandomize="MODEL_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
