"""Tests a candidate by ``harness run`` as a child process, and believes its result log before its exit code.

The child is a whole run: it builds (or finds the build in the cache), brings a cluster up, runs the one test, takes everything down. It has
a session of its own, so that a signal reaches it once, through here, and its teardown is waited for.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from harness.bisection.api import Candidate, Step, Subject, Verdict
from harness.errors import AbortedError, Outcome, UsageError
from harness.reporting.api import TestResult
from harness.reporting.history.api import is_spec
from harness.reporting.results import cleaned, folded, parse
from harness.reporting.text import line

_WORD = re.compile(r"[\w:+\-.\[\]\\/]+")
"""What pytest's -k takes for a word."""
_RESERVED = ("and", "or", "not", "true", "false", "none")
_ORDER = {Outcome.FAILED: 0, Outcome.PASSED: 2, Outcome.FLAKY: 2}
"""Results of one test on several cells: a failure says the most, one that was cut off says that not all is known."""
_LOG = "harness.txt"
_CLEAN_SECONDS = 1800.0


@dataclass(frozen=True)
class ChildRuns:
    """Implements :class:`harness.bisection.api.Runner`."""

    command: tuple[str, ...]
    """How ``harness`` is started."""
    flags: tuple[str, ...] = ()
    """Of ``harness run``, the same in every step."""
    repeat: int = 1
    """Runs that must all pass before a candidate counts as good."""

    def test(self, candidate: Candidate, subject: Subject, folder: Path) -> Step:
        began = time.monotonic()
        for number in range(1, self.repeat + 1):
            place = folder if self.repeat == 1 else folder / str(number)
            verdict, message, run = self._once(candidate, subject, place)
            if verdict is not Verdict.GOOD:
                break
        return Step(candidate.name, verdict, message, str(run or ""), time.monotonic() - began)

    def clean(self, folder: Path) -> None:
        for place in (folder, *folder.glob("*/")):
            if not (place / "latest").is_symlink():
                continue
            subprocess.run(
                [*self.command, "down", "--run", "latest", "--reports", str(place)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_CLEAN_SECONDS,
                check=False,
            )

    def _once(self, candidate: Candidate, subject: Subject, folder: Path) -> tuple[Verdict, str, Path | None]:
        folder.mkdir(parents=True, exist_ok=True)
        latest = folder / "latest"
        latest.unlink(missing_ok=True)  # of an interrupted step: its results are not this one's
        arguments = [
            "run",
            "--source",
            candidate.source,
            "--suite",
            subject.suite,
            "--reports",
            str(folder),
            *self.flags,
        ]
        code = self._child([*self.command, *arguments, "--", "-k", expression(subject.name)], folder / _LOG)
        run = latest.resolve() if latest.exists() else None
        result = _result(run / "results.jsonl", subject) if run else None
        if result is not None and result.outcome in (Outcome.PASSED, Outcome.FLAKY):
            return Verdict.GOOD, line(result.message), run
        if result is not None and result.outcome is Outcome.FAILED:
            return Verdict.BAD, line(result.message) or "failed without a message", run
        return Verdict.UNTESTABLE, _why(code, result, folder / _LOG), run

    def _child(self, argv: Sequence[str], log: Path) -> int:
        with log.open("ab") as file:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        with _forwarding(child) as received:
            code = child.wait()
        if received:
            raise AbortedError(
                f"bisect, in {log.parent}", last_seen="interrupted", hint="the same command goes on from here"
            )
        return code


def expression(name: str) -> str:
    """An expression for pytest's -k that this name fulfils, and few others: all of its words."""
    words = dict.fromkeys(word for word in _WORD.findall(name) if word.lower() not in _RESERVED)
    return " and ".join(words)


def _result(path: Path, subject: Subject) -> TestResult | None:
    """The test's result among those that the expression has found; of several cells, the worst.

    :raises UsageError: if several tests answer to this name.
    """
    try:
        rows = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    found = [result for row in rows if row.strip() and (result := parse(row))]
    alike = [item for item in found if _is(item, subject)]
    files = sorted({_file(item.nodeid) for item in alike})
    if len(files) > 1 and not is_spec(subject.name):
        raise UsageError(
            f"{subject.name!r} is the name of several tests, in {', '.join(files)}", hint="give the node id of one"
        )
    results = folded([cleaned(item) for item in alike])
    return min(results, key=lambda result: _ORDER.get(result.outcome, 1), default=None)


def _is(result: TestResult, subject: Subject) -> bool:
    if (result.suite, result.name) != (subject.suite, subject.name):
        return False
    if is_spec(subject.name):
        return True
    in_file = not subject.nodeid or _file(result.nodeid) == _file(subject.nodeid)
    return in_file and subject.classname in ("", result.classname)


def _file(nodeid: str) -> str:
    """The part of a node id that stays the same whatever folder it is seen from, and whatever cell is in its parameters."""
    parts = Path(nodeid.partition("::")[0]).parts
    return "/".join(parts[parts.index("suites") :] if "suites" in parts else parts)


def _why(code: int, result: TestResult | None, log: Path) -> str:
    if result is not None:
        return f"{result.outcome}: {line(result.message)}"
    said = [row for row in log.read_text(errors="replace").splitlines() if row.strip()]
    return line(f"exit code {code}, and no result of this test: {said[-1].strip() if said else 'it said nothing'}")


@contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Pass signals on to the child while it runs; which ones came."""
    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        received.append(number)
        child.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
