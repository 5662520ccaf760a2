"""``harness run``: pytest as a child process, watched from outside.

pytest runs nothing of its own after SIGKILL, and its workers get five seconds after Ctrl-C. So the process that the person or Jenkins
talks to is another one: it forwards signals, keeps the deadline, and when the child is gone it reads the ledger, takes down what the child
left, writes the reports and has the last word on the exit code. If this process is killed instead, the child is told
(:mod:`harness.cli.child`) and finishes by itself.

Jenkins gives a stopped build 20 seconds, so reports are written as soon as tests have stopped, and once more at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import reporting
from harness.clouds.detached import MARK
from harness.errors import HarnessError, Outcome
from harness.reporting.verdict import verdict
from harness.runs.api import Phase, Plan
from harness.runs.deadline import Budget
from harness.runs.folder import RunFolder
from harness.runs.handover import hand_over, note_stop, uncut
from harness.runs.history import agreed_budget, budget_of
from harness.runs.ledger import Ledger
from harness.runs.log import masked_log
from harness.runs.ownership import claim, leave
from harness.runs.parts import Parts
from harness.runs.phases import record_failure
from harness.runs.signals import Stops
from harness.runs.state import RunState
from harness.runs.teardown import SECONDS, teardown
from harness.settings import Settings

_POLL = 0.1
_PATIENCE = 30.0
"""Seconds after the tests' deadline until the child, which keeps it as well, is interrupted from here."""
_LAST_WORDS = 5.0
"""Seconds for what was printed to reach the log."""
_REPORT_AFTER = 8.0
"""Seconds from a stop until reports are written, also when tests have not stopped yet."""


@dataclass
class Supervisor:
    """One supervised run.

    :param say: shows one line.
    :param stops: signals, noted from before :meth:`run` until the process ends.
    """

    settings: Settings
    plan: Plan
    folder: RunFolder
    parts: Parts
    say: Callable[[str], None]
    stops: Stops
    overdue: bool = False
    """The deadline made this process stop the tests."""
    _stopped_at: float = 0.0
    _reaper: int = 0

    @property
    def aborted(self) -> bool:
        return self.overdue or bool(self.stops.count)

    def run(self, arguments: Sequence[str], cwd: Path) -> Outcome:
        """Run pytest with these arguments, clean up behind it, and say what became of it all."""
        claim(self.folder, "supervisor")
        code = 0 if self.aborted else self._child(arguments, cwd)
        if not self._reaper:
            uncut(self.folder, self.stops, lambda: self._take_down(code), self.say)
        if self.stops.count and not self._stopped_at:
            note_stop(self.folder, self.stops.first)
        stopped = RunState.of(Ledger(self.folder.ledger).read()).stopping  # by a signal to pytest alone, perhaps
        outcome = verdict(self.folder, code, aborted=self.aborted or bool(stopped))
        leave(self.folder, outcome)
        return outcome

    def _child(self, arguments: Sequence[str], cwd: Path) -> int:
        """Exit code of pytest; negative if a signal ended it."""
        argv = [sys.executable, "-m", "harness.cli.child", str(os.getpid()), "-m", "pytest", *arguments]
        budget = agreed_budget(Ledger(self.folder.ledger), budget_of(self.settings, time.time()))
        masking = masked_log(self.folder, os.environ)
        assert masking.stdin is not None
        with masking.stdin as pipe:
            child = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**os.environ, MARK: self.plan.run},
                stdin=subprocess.DEVNULL,
                stdout=pipe,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait(child, budget)
        finally:
            _end_group(child)
            _let_finish(masking)
        return child.wait()

    def _wait(self, child: subprocess.Popen[bytes], budget: Budget) -> None:
        reported, kill_at = False, budget.end + SECONDS
        while child.poll() is None:
            now = time.time()
            if not self.aborted and now >= budget.tests_end + _PATIENCE:
                self.say(f"the deadline of {self.settings.deadline} is reached: stopping the tests")
                self.overdue = True
            if self.aborted and not self._stopped_at:
                self._stop(child, now)
            if self._stopped_at and not reported:
                reported = self._early_report(now)
            if self.stops.count > 1 and not self._reaper:
                self._reaper = hand_over(self.folder, self.say)
            if self._reaper or now >= kill_at:
                return
            time.sleep(_POLL)

    def _stop(self, child: subprocess.Popen[bytes], now: float) -> None:
        self._stopped_at = now
        note_stop(self.folder, self.stops.first or "deadline")
        self.say(
            "stopping: tests are cut off, clusters are taken down (once more to leave that to a process of its own)"
        )
        # as a terminal does: workers stop at once, not after xdist's five seconds
        _kill_group(child.pid, signal.SIGINT)

    def _early_report(self, now: float) -> bool:
        """Write reports once tests have stopped, or cannot be waited for any longer; whether that is done."""
        state = RunState.of(Ledger(self.folder.ledger).read())
        ended = any(phase in (Phase.COLLECT, Phase.DOWN) for _, phase in state.phases)
        if not ended and now < self._stopped_at + _REPORT_AFTER:
            return False
        try:
            reporting.write(self.folder.path)
        except Exception as error:  # they are written again at the end, and a failure then counts
            self.say(f"no reports yet: {error}")
        return True

    def _take_down(self, code: int) -> None:
        """What the child should have done and did not live to do."""
        ledger = Ledger(self.folder.ledger, ending=True)
        if not RunState.of(ledger.read()).abandoned:
            return
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self.say(f"pytest {how} and left clusters: taking them down")
        try:
            teardown(self.folder, kept=False, parts=self.parts, role="supervisor")
        except HarnessError as error:
            record_failure(ledger, "", Phase.DOWN, error)
            self.say(str(error))


def _let_finish(masking: subprocess.Popen[bytes]) -> None:
    """The log is whole once the last who writes has ended; somebody who left the group and keeps the pipe open is not waited for."""
    try:
        masking.wait(_LAST_WORDS)
    except subprocess.TimeoutExpired:
        return


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Nothing of pytest may work on while its clusters are taken down: workers, e2e.test processes."""
    if child.poll() is None:
        child.kill()
    _kill_group(child.pid, signal.SIGTERM)
    until = time.monotonic() + 3.0
    while _kill_group(child.pid, 0):  # 0 only asks whether anybody is left
        if time.monotonic() >= until:
            _kill_group(child.pid, signal.SIGKILL)
            return
        child.poll()  # a zombie would count
        time.sleep(_POLL / 2)


def _kill_group(group: int, number: int) -> bool:
    """Signal every process of the group; whether there was one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
