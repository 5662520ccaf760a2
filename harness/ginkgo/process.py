"""One worker's e2e.test: a long-lived process that runs exactly the spec it is told, and the next one at once.

Starting e2e.test costs a second of CPU and a walk through the cluster, so a worker keeps its process. Serial specs only run in
process 1 of ginkgo's parallel protocol, which takes no orders: each of them gets a process of its own that is focused on it.
Flags: v1.37.2 ``test/e2e/framework/test_context.go``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.ginkgo.api import EVERYTHING, SEED, Spec, SpecResult
from harness.ginkgo.priority import HIGH, LOW, NORMAL, set_priority
from harness.ginkgo.results import lost, report_text, result_of
from harness.ginkgo.server import PAST_THE_END, ParallelServer

_SUITE = "Kubernetes e2e suite"
"""Description of upstream's suite; ginkgo matches --ginkgo.focus against it and the spec's text."""
_START = 900.0
"""Seconds a process may take to its first request: upstream itself waits 10 minutes for kube-system."""
_POLL = 0.5
_THRIFTY = {"GOGC": "400"}
"""Memory for processor time: a third of what e2e.test's start costs is collecting garbage; 70 MB a process. Its kubectl inherits it."""
_TAIL = 16_384
_DUMP = 524_288
"""Bytes of a dump of all goroutines that are kept; e2e.test has a few hundred of them."""


@dataclass(frozen=True)
class Program:
    """What to start, and for which cluster."""

    path: Path
    kubeconfig: Path
    kubectl: Path
    nodes: int
    """Schedulable nodes; only process 1 would count them itself."""
    log: Path
    """Receives what the processes print."""
    grace: float = 20.0
    """Seconds an interrupted spec has for its clean-up."""

    def argv(self, url: str, process: int, focus: str) -> list[str]:
        """The command line; ``setpriv`` ends the process when its worker dies, however that dies."""
        return [
            "setpriv", "--pdeathsig", "KILL",
            str(self.path),
            f"--kubeconfig={self.kubeconfig}",
            f"--kubectl-path={self.kubectl}",
            "--provider=skeleton",
            f"--num-nodes={self.nodes}",
            "--test.timeout=0",
            "--delete-namespace-on-failure=false",  # whoever reads the evidence deletes it then
            "--ginkgo.timeout=24h",
            "--ginkgo.no-color",
            f"--ginkgo.seed={SEED}",
            f"--ginkgo.label-filter={EVERYTHING}",
            *([f"--ginkgo.focus={focus}"] if focus else []),
            f"--ginkgo.parallel.process={process}",
            "--ginkgo.parallel.total=2",
            f"--ginkgo.parallel.host={url}",
        ]  # fmt: skip


class SpecRunner:
    """Runs specs one at a time in e2e.test; starts it at the first spec, and again when it has died or hung."""

    def __init__(self, program: Program, environ: Mapping[str, str]) -> None:
        self.program = program
        own = {name: value for name, value in environ.items() if name != "KUBECONFIG"}
        self._environ = _THRIFTY | own
        self._process: _Process | None = None
        self._ahead: tuple[Spec, _Process] | None = None
        """The process of a serial spec that is to be run next."""

    def start(self, *, early: bool = False) -> None:
        """Start the process, unless it runs.

        :param early: there is no cluster yet: take the processor only when nobody else wants it. It holds until the first spec.
        """
        if self._process is None or not self._process.alive:
            self.close()
            self._process = _Process(self.program, self._environ, early=early)

    def expect(self, spec: Spec) -> None:
        """This spec is going to be the next: if it is serial, start its process, which then waits for :meth:`run`."""
        if not spec.serial or (self._ahead is not None and self._ahead[0] == spec and self._ahead[1].alive):
            return
        self._drop_ahead()
        self._ahead = spec, _Process(self.program, self._environ, focus=_focus(spec))

    def _drop_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead[1].close()
            self._ahead = None

    def run(self, spec: Spec, timeout: float) -> SpecResult:
        """Run one spec to its end, ``timeout`` seconds at most.

        :raises HarnessError: when the spec cannot be asked for, or e2e.test ran another one.
        """
        if spec.index < 0:
            raise HarnessError(f"run {spec.name}", last_seen="it is part of an Ordered container and cannot run alone")
        if spec.serial:
            self.expect(spec)
            assert self._ahead is not None
            (_, alone), self._ahead = self._ahead, None
            try:
                return alone.run(spec, PAST_THE_END, timeout)
            finally:
                alone.close()
        self.start()
        assert self._process is not None
        result = self._process.run(spec, spec.index, timeout)
        if not self._process.reusable:
            self.close()
        return result

    def close(self) -> None:
        """Let the processes end, or end them."""
        self._drop_ahead()
        if self._process is not None:
            self._process.close()
            self._process = None


class _Process:
    """One e2e.test and the server it talks to."""

    def __init__(self, program: Program, environ: Mapping[str, str], *, focus: str = "", early: bool = False) -> None:
        self._program = program
        self._early = early and os.geteuid() == 0  # only root may take a low priority back
        self.reusable = not focus
        """Whether it is waiting for parallel specs, or will be; not while a spec runs, nor after one was stopped."""
        self._server = ParallelServer()
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as log:
            self._log_start = log.tell()
            try:
                self._child = subprocess.Popen(
                    program.argv(self._server.url, 1 if focus else 2, focus),
                    env={**environ, "GINKGO_PARALLEL_PROTOCOL": "HTTP"},
                    cwd=program.log.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Linux divides the processor by sessions first
                )
            except OSError as error:
                self._server.close()
                raise HarnessError(f"start {program.path}", last_seen=str(error), hint="build again") from error
            if self._early or focus:  # nobody waits for the one, a whole cluster for the other
                set_priority(self._child.pid, LOW if self._early else HIGH)

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def run(self, spec: Spec, index: int, timeout: float) -> SpecResult:
        """See :meth:`SpecRunner.run`."""
        wanted = " ".join(spec.text.split())
        self.reusable = False
        if self._early:
            self._early = False
            set_priority(self._child.pid, NORMAL)
        ready = self._server.wait_ready(0.0)
        until = time.monotonic() + (timeout if ready else _START)
        self._server.offer(index)
        began, stopping = time.monotonic(), False
        while True:
            if not ready and not stopping and self._server.wait_ready(0.0):
                ready, until = True, time.monotonic() + timeout
            report = self._server.next_report(min(_POLL, max(0.0, until - time.monotonic())))
            if report is not None:
                if result := self._take(report, wanted, spec, stopping, timeout):
                    return result
            elif not self.alive:
                if late := self._server.next_report(_POLL):
                    if result := self._take(late, wanted, spec, stopping, timeout):
                        return result
                    continue
                return self._lost("lost", f"e2e.test ended with {self._ending()} before the spec did", began)
            elif time.monotonic() >= until:
                if stopping:
                    return self._hung(began, timeout)
                stopping, until = True, time.monotonic() + self._program.grace
                self._interrupt()

    def _take(
        self, report: dict[str, object], wanted: str, spec: Spec, stopping: bool, timeout: float
    ) -> SpecResult | None:
        """The result if this is the awaited spec's report; None if it is one to pass over."""
        if report.get("LeafNodeType") != "It":
            if report.get("State") in ("passed", None):
                return None
            failed = result_of(report)
            return lost("lost", f"{report.get('LeafNodeType')} of e2e.test: {failed.message}", 0.0, failed.output, {})
        if report_text(report) != wanted:
            if spec.serial:  # its process reports every other serial spec as skipped
                return None
            raise HarnessError(
                f"run spec {spec.index}, {wanted!r}",
                last_seen=f"e2e.test ran {report_text(report)!r}",
                hint="its inventory is of another e2e.test; build again",
            )
        result = result_of(report)
        if not stopping:
            self.reusable = not spec.serial
            return result
        message = f"stopped because it did not end within {timeout:.0f} s\n{result.message}"
        return SpecResult("timedout", result.seconds, message, result.location, result.output, result.steps)

    def _interrupt(self) -> None:
        """Ask for a progress report, then for an end: ginkgo reports an interrupted spec in full and runs its clean-up."""
        self._child.send_signal(signal.SIGUSR1)
        self._server.progress(_POLL)
        self._child.send_signal(signal.SIGINT)

    def _hung(self, began: float, timeout: float) -> SpecResult:
        """Not even an interrupt ended it: keep the goroutines, which Go prints at SIGQUIT, then kill."""
        before, tail = self._program.log.stat().st_size, self._tail()
        self._child.send_signal(signal.SIGQUIT)
        self._end(5.0)
        message = f"did not end within {timeout:.0f} s, nor {self._program.grace:.0f} s after an interrupt; killed"
        return self._lost("timedout", message, began, tail + self._printed(before))

    def _lost(self, state: str, message: str, began: float, output: str = "") -> SpecResult:
        return lost(state, message, time.monotonic() - began, output or self._tail(), self._server.progress())

    def _ending(self) -> str:
        code = self._child.wait(5.0)
        return f"signal {-code}" if code < 0 else f"code {code}"

    def _tail(self) -> str:
        """What this process printed last."""
        size = self._program.log.stat().st_size
        return self._printed(max(self._log_start, size - _TAIL), _TAIL)

    def _printed(self, start: int, most: int = _DUMP) -> str:
        """What it printed from this position of the log on."""
        with self._program.log.open("rb") as log:
            log.seek(start)
            return log.read(most).decode(errors="replace")

    def close(self) -> None:
        """Let it leave its loop if it waits for work; end it if it does not."""
        if self.alive and self.reusable:
            self._server.offer(PAST_THE_END)
            self._end(3.0)
        elif self.alive:
            self._child.terminate()
            self._end(1.0)
        self._server.close()

    def _end(self, patience: float) -> None:
        try:
            self._child.wait(patience)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(5.0)


def _focus(spec: Spec) -> str:
    """A pattern that finds this spec alone."""
    words = " +".join(re.escape(word) for word in spec.text.split())
    return f"^{_SUITE} {words}$"
