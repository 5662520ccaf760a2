"""``harness run``: pytest as a child process, watched from outside.

pytest runs nothing of its own after SIGKILL, and its workers get five seconds after Ctrl-C. So the process that the person or Jenkins
talks to is another one: it forwards signals, keeps the deadline, and when the child is gone it reads the ledger, takes down what the child
left, writes the reports and has the last word on the exit code. If this process is killed instead, the child is told
(:mod:`harness.cli.child`) and finishes by itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from harness.errors import HarnessError, Outcome
from harness.reporting.verdict import verdict
from harness.runs.api import Phase, Plan
from harness.runs.deadline import Budget
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.parts import Parts
from harness.runs.phases import record_failure
from harness.runs.state import RunState
from harness.runs.teardown import SECONDS, claim, release, signals_held, teardown
from harness.settings import Settings, duration

_POLL = 0.1
_PATIENCE = 30.0
"""Seconds after the tests' deadline until the child, which keeps it as well, is interrupted from here."""
_LAST_WORDS = 5.0
"""Seconds for what was printed to reach the log."""
_HARDER = 10.0
"""Seconds from a second signal to SIGKILL."""


@dataclass
class Supervisor:
    """One supervised run."""

    settings: Settings
    plan: Plan
    folder: RunFolder
    parts: Parts
    say: Callable[[str], None]
    """Shows one line."""
    received: list[int] = field(default_factory=list)
    """Signals, in order of arrival."""

    def run(self, arguments: Sequence[str], cwd: Path) -> Outcome:
        """Run pytest with these arguments, clean up behind it, and say what became of it all."""
        ledger = Ledger(self.folder.ledger)
        claim(ledger, self.plan.run)
        with self._signals():
            code = self._child(arguments, cwd)
        with signals_held():
            self._take_down(ledger, code)
        outcome = verdict(self.folder, code, aborted=bool(self.received))
        release(ledger, self.plan.run, outcome)
        return outcome

    def _child(self, arguments: Sequence[str], cwd: Path) -> int:
        """Exit code of pytest; negative if a signal ended it."""
        argv = [sys.executable, "-m", "harness.cli.child", str(os.getpid()), "-m", "pytest", *arguments]
        budget = Budget.of(time.time(), duration(self.settings.deadline))
        masking = subprocess.Popen(
            [sys.executable, "-m", "harness.cli.masking", str(self.folder.log)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # whoever ends the child's group does not end the reader of its last words
        )
        assert masking.stdin is not None
        with masking.stdin as pipe:
            child = subprocess.Popen(
                argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self._wait(child, budget)
        finally:
            _end_group(child)
            _let_finish(masking)
        return child.wait()

    def _wait(self, child: subprocess.Popen[bytes], budget: Budget) -> None:
        forwarded, kill_at = 0, budget.end + SECONDS
        while child.poll() is None:
            now = time.time()
            if not self.received and now >= budget.tests_end + _PATIENCE:
                self.say(f"the deadline of {self.settings.deadline} is reached: stopping the tests")
                self.received.append(signal.SIGALRM)
            if len(self.received) > forwarded:
                forwarded += 1
                kill_at = min(kill_at, self._forward(child, forwarded, now))
            if now >= kill_at:
                self.say("pytest does not end: killing it")
                _kill_group(child.pid, signal.SIGKILL)
                kill_at = float("inf")
            time.sleep(_POLL)

    def _forward(self, child: subprocess.Popen[bytes], count: int, now: float) -> float:
        """Pass on the first and second signal; returns when patience ends."""
        if count == 1:
            self.say("stopping: tests are cut off, clusters are taken down (once more to hurry)")
            _kill_group(
                child.pid, signal.SIGINT
            )  # as a terminal does: workers stop at once, not after xdist's five seconds
        elif count == 2:
            self.say(f"hurrying: pytest has {_HARDER:.0f} s; whatever is left is taken down after it")
            child.send_signal(signal.SIGTERM)
            return now + _HARDER
        else:
            self.say(f"clusters are being taken down; to abandon them: kill -9 {os.getpid()}")
        return float("inf")

    def _take_down(self, ledger: Ledger, code: int) -> None:
        """What the child should have done and did not live to do."""
        if not RunState.of(ledger.read()).abandoned:
            return
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self.say(f"pytest {how} and left clusters: taking them down")
        try:
            teardown(self.folder, kept=False, parts=self.parts)
        except HarnessError as error:
            record_failure(ledger, "", Phase.DOWN, error)
            self.say(str(error))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def note(number: int, frame: FrameType | None) -> None:
            self.received.append(number)

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


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
        time.sleep(_POLL / 2)


def _kill_group(group: int, number: int) -> bool:
    """Signal every process of the group; whether there was one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
