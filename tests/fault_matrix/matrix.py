"""Every fault at every call of a bring-up and teardown: the calls are read from the journal of a clean one, none is written down here.

A case passes when the run ends in success or in the class that belongs to its fault, before its deadline, and nothing is left.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError, Outcome
from harness.runs.ledger import Ledger
from harness.runs.lifecycle import Lifecycle
from harness.runs.state import RunState, worst

from .site import Site

_PASSED, _CLOUD = frozenset({Outcome.PASSED}), frozenset({Outcome.PASSED, Outcome.CLOUD})
_QUOTA = frozenset({Outcome.PASSED, Outcome.QUOTA})
_MOST = 2
"""Occurrences of a call that get a fault of their own: how often something is polled depends on the clock."""
_WRITES = ("PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Call:
    """The ``number``-th time that something is asked for in a run."""

    name: str
    number: int
    wire: bool
    """By a client; else by ARM itself."""

    @property
    def method(self) -> str:
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class Kind:
    """A fault, and how a run that meets it once may end."""

    name: str
    allowed: frozenset[Outcome] = _CLOUD
    writes: bool = False
    wire: bool = False
    call: str = ""
    """The only call that gets it on Azure; empty for any."""

    def meets(self, call: Call) -> bool:
        return (
            (call.method in _WRITES or not self.writes)
            and (call.wire or not self.wire)
            and self.call.lower() in ("", call.name.lower())
        )


_MACHINE = "PUT Microsoft.Compute/virtualMachines"
KINDS = (
    Kind("delay", _PASSED),
    Kind("operation", _PASSED, writes=True),
    Kind("throttled", frozenset({Outcome.PASSED, Outcome.THROTTLED})),
    Kind("conflict"),
    Kind("precondition"),
    Kind("error"),
    Kind("ServiceUnavailable"),
    Kind("AuthorizationFailed"),
    Kind("misreported"),
    Kind("never", _CLOUD | {Outcome.DEPLOY, Outcome.ABORTED}, writes=True),  # the deadline may strike first
    Kind("cut", wire=True),
    Kind("unanswered", wire=True),
    Kind("unheard", wire=True),
    Kind("vanished", wire=True),
    Kind("SkuNotAvailable", _QUOTA, call=_MACHINE),
    Kind("AllocationFailed", _QUOTA, call=_MACHINE),
    Kind("QuotaExceeded", _QUOTA, call=_MACHINE),
    Kind("OperationNotAllowed", _QUOTA | _CLOUD, call=_MACHINE),  # of quota only if the usages say so
    Kind("OSProvisioningTimedOut", call=_MACHINE),
    Kind("VMStartTimedOut", call=_MACHINE),
    *(Kind(name, _PASSED, writes=True, call=_MACHINE) for name in ("unbootable", "isolated", "full", "rebooting")),
    Kind("PublicIPCountLimitReached", _QUOTA, call="PUT Microsoft.Network/publicIPAddresses"),
    Kind("DnsRecordInUse", call="PUT Microsoft.Network/publicIPAddresses"),
    Kind("ScopeLocked", call="DELETE Microsoft.Resources/resourceGroups"),
)
KILLED = Kind("killed", wire=True)
"""For a site whose server is a process."""


@dataclass(frozen=True)
class Case:
    """One fault at one call."""

    call: Call
    kind: Kind

    def __str__(self) -> str:
        return f"{self.kind.name} at {self.call.name} ({self.call.number})"

    @property
    def fault(self) -> dict[str, Any]:
        """As local Azure takes it; short, where a length can be chosen."""
        return {"kind": self.kind.name, "call": self.call.name, "skip": self.call.number - 1, "seconds": 0.3}


@dataclass(frozen=True)
class Result:
    """How a case ended."""

    case: Case
    outcome: Outcome
    seconds: float
    deadline: float
    met: bool
    """Whether the run made the call at all: where it comes from a poll it may not."""
    left: tuple[str, ...]
    evidence: str

    @property
    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
        if self.left:
            return f"left behind: {', '.join(self.left)}"
        if self.outcome not in self.case.kind.allowed:
            return f"ended as {self.outcome}, not {' or '.join(sorted(self.case.kind.allowed))}: {self.evidence}"
        if self.seconds > self.deadline:
            return f"took {self.seconds:.1f} s, with a deadline of {self.deadline:.0f} s"
        return ""


def calls(site: Site, deadline: float) -> tuple[Sequence[Call], float]:
    """The calls of a clean run, in order, each as often as it gets a fault of its own; and the seconds the run took."""
    last = max((entry["number"] for entry in _journal(site)), default=0)
    began = time.monotonic()
    outcome, evidence = _run(site, deadline)
    seconds = time.monotonic() - began
    assert outcome is Outcome.PASSED, evidence
    seen: Counter[str] = Counter()
    found = []
    for entry in _journal(site):
        if entry["number"] > last:
            name = entry["call"]
            seen[name] += 1
            if seen[name] <= _MOST:
                found.append(Call(name, seen[name], entry["principal"] != "arm"))
    return found, seconds


def cases(calls: Iterable[Call], kinds: Sequence[Kind] = KINDS) -> Iterator[Case]:
    """Each fault at each call that can meet it."""
    for call in calls:
        yield from (Case(call, kind) for kind in kinds if kind.meets(call))


def run(site: Site, case: Case, deadline: float, **fault: float) -> Result:
    """Bring up and take down with this fault set; what is left is removed afterwards.

    :param fault: fields of the fault instead of the case's own.
    """
    shutil.rmtree(site.settings.state / "pace", ignore_errors=True)  # what another case was told to wait
    site.ask("DELETE", "/localazure/faults")
    site.ask("POST", "/localazure/faults", {**case.fault, **fault})
    began = time.monotonic()
    outcome, evidence = _run(site, deadline)
    seconds = time.monotonic() - began
    met = not site.ask("GET", "/localazure/faults")["value"]
    site.ask("DELETE", "/localazure/faults")
    left = [group["name"] for group in site.ask("GET", "/resourceGroups")["value"]]
    fabric = getattr(site.server, "fabric", None)
    if fabric and not left:
        left += [f"network {key}" for key in fabric.networks] + [f"machine {key}" for key in fabric.machines]
    for name in left:
        if not name.startswith(("network", "machine")):
            site.ask("DELETE", f"/resourceGroups/{name}")
    return Result(case, outcome, seconds, deadline, met, tuple(left), evidence)


def _run(site: Site, deadline: float) -> tuple[Outcome, str]:
    """One run, as ``harness run`` without tests does it: its outcome, and what its failed phases say."""
    settings = site.settings.changed(deadline=f"{deadline:g}s")
    lifecycle = Lifecycle.open(settings, None, parts=site.parts)
    outcomes = []
    try:
        lifecycle.prepare()
        lifecycle.start()
        lifecycle.join()
    except HarnessError as error:
        outcomes.append(error.outcome)
    outcomes.append(lifecycle.finish(aborted=bool(outcomes)))
    state = RunState.of(Ledger(lifecycle.folder.ledger).read())
    if state.abandoned:
        outcomes.append(Outcome.LEAK)
    said = [f"{phase}: {found.message}" for (_, phase), found in state.phases.items() if found.state == "failed"]
    return worst(outcomes), "; ".join(said)


def _journal(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.ask("GET", "/localazure/journal")["value"]
    return found
