"""Whether the gate for pull requests works: four changes of Kubernetes, three with a real bug in them, each built and tested as one.

    python bench/gate.py                     # all four, on local Azure; a table of what was expected and what was seen
    python bench/gate.py --build-only        # compile the four: minutes with a warm Go build cache
    python bench/gate.py --only kube-proxy -- --keep on-failure

A change is a commit on a checkout (bench/checkout.py), put in by finding and replacing a few words. ``harness run --source path:DIR
--changed-since TAG`` picks what runs, so the table also shows that the picking is right. The change without a bug touches the same three
files, hence runs all that the others run, and has to be green.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from checkout import assemble, edit, git

from harness.reporting.model import load
from harness.settings import Settings

VERSION = "v1.37.2"
_HARNESS = Path(sys.executable).with_name("harness")
_COMMENT = "\n// A change that breaks nothing.\n"


@dataclass(frozen=True)
class Edit:
    path: str
    find: str
    replacement: str
    times: int = 1


@dataclass(frozen=True)
class Change:
    """A pull request."""

    name: str
    what: str
    red: tuple[str, ...]
    """Suites in which at least one test has to fail."""
    edits: tuple[Edit, ...]


_PROXY = "pkg/proxy/serviceport.go"
_SCHEDULER = "pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go"
_SLICES = "staging/src/k8s.io/endpointslice/utils.go"
_PLACES = {
    _PROXY: "func (bsvcPortInfo *BaseServicePortInfo) SessionAffinityType() v1.ServiceAffinity {",
    _SCHEDULER: "func (pl *NodeAffinity) Filter(",
    _SLICES: "func FindPort(",
}
CHANGES = (
    Change(
        "harmless",
        "a comment in each of the three files",
        (),
        tuple(Edit(path, f"\n{line}", f"{_COMMENT}\n{line}") for path, line in _PLACES.items()),
    ),
    Change(
        "kube-proxy",
        "session affinity of Services is forgotten",
        ("conformance", "loadbalancer", "pod_networking"),
        (
            Edit(
                _PROXY,
                "sessionAffinityType: service.Spec.SessionAffinity,",
                "sessionAffinityType: v1.ServiceAffinityNone,",
            ),
        ),
    ),
    Change(
        "scheduler",
        "a node selector alone is not looked at",
        ("conformance",),
        (Edit(_SCHEDULER, "if !match {", "if !match && pod.Spec.Affinity != nil {"),),
    ),
    Change(
        "endpoint-slices",
        "a named port is looked up by name or protocol, not by both",
        ("conformance", "pod_networking"),
        (
            Edit(
                _SLICES,
                "port.Name == name && port.Protocol == svcPort.Protocol",
                "port.Name == name || port.Protocol == svcPort.Protocol",
                times=2,
            ),
        ),
    ),
)


@dataclass(frozen=True)
class Seen:
    """What became of a change."""

    change: Change
    seconds: float
    code: int
    red: tuple[str, ...] | None = None
    """None when nothing ran."""
    tests: int = 0
    failed: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Red where it has to be, green if it has no bug; only compiled: compiled."""
        if self.red is None:
            return self.code == 0
        return set(self.change.red) <= set(self.red) and bool(self.red) == bool(self.change.red) and self.tests > 0


def main(arguments: Sequence[str]) -> int:
    """Each change after the other; 0 if the gate let pass what is right and stopped what is not."""
    asked, further = _split(arguments)
    checkout = assemble(asked.version, asked.checkout or Settings().cache.expanduser() / "checkouts" / asked.version)
    seen = []
    for change in CHANGES:
        if asked.only and change.name not in asked.only:
            continue
        commit(checkout, asked.version, change)
        seen.append(_build(checkout, change) if asked.build_only else _run(checkout, asked, change, further))
        _show(seen[-1])
    git(checkout, "switch", "--quiet", "--detach", asked.version)
    return 0 if all(one.right for one in seen) else 1


def commit(checkout: Path, version: str, change: Change) -> None:
    """Put the change in: a branch with one commit, checked out."""
    git(checkout, "switch", "--quiet", "--force-create", f"change/{change.name}", version)
    for one in change.edits:
        edit(checkout, one.path, one.find, one.replacement, one.times)
    git(checkout, "commit", "--quiet", "--all", "--message", change.what)


def _build(checkout: Path, change: Change) -> Seen:
    begin = time.monotonic()
    done = subprocess.run([_HARNESS, "build", f"path:{checkout}"], stdin=subprocess.DEVNULL, check=False)
    return Seen(change, time.monotonic() - begin, done.returncode)


def _run(checkout: Path, asked: argparse.Namespace, change: Change, further: Sequence[str]) -> Seen:
    begin = time.monotonic()
    reports = asked.reports / change.name
    done = subprocess.run(
        [
            *(_HARNESS, "run", "--source", f"path:{checkout}", "--changed-since", asked.version),
            *("--reports", reports, *further),
        ],
        stdin=subprocess.DEVNULL,
        check=False,
    )
    seconds = time.monotonic() - begin
    if not (reports / "latest").exists():
        return Seen(change, seconds, done.returncode, ())
    report = load(reports / "latest")
    failed = report.failed_tests
    return Seen(
        change,
        seconds,
        done.returncode,
        tuple(sorted({test.suite for test in failed})),
        len(report.ran),
        tuple(test.name for test in failed),
    )


def _show(seen: Seen) -> None:
    word = "right" if seen.right else "WRONG"
    expected = ", ".join(seen.change.red) or "green"
    if seen.red is None:
        print(f"{seen.change.name:<16} built in {seen.seconds:.0f} s: {word}", flush=True)
        return
    found = ", ".join(seen.red) or "green"
    print(
        f"{seen.change.name:<16} expected {expected}; seen {found}; {seen.tests} tests, {seen.seconds:.0f} s: {word}",
        flush=True,
    )
    for name in seen.failed:
        print(f"    failed: {name}", flush=True)


def _split(arguments: Sequence[str]) -> tuple[argparse.Namespace, Sequence[str]]:
    at = list(arguments).index("--") if "--" in arguments else len(arguments)
    own, further = arguments[:at], arguments[at + 1 :]
    parser = argparse.ArgumentParser(prog="gate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", choices=[change.name for change in CHANGES], help="of the changes")
    parser.add_argument("--build-only", action="store_true", help="compile, and run nothing")
    parser.add_argument("--version", default=VERSION, help="release that the changes are made to")
    parser.add_argument("--checkout", type=Path, help="folder of the checkout; in the cache when not given")
    parser.add_argument("--reports", type=Path, default=Path("reports/gate"), help="one folder a change")
    return parser.parse_args(own), further


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
