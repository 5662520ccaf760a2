"""Whether the gate for pull requests works: changes of Kubernetes and of the cloud provider, each built and tested as a pull request.

    python bench/gate.py                     # all of them, on local Azure; a table of what was expected and what was seen
    python bench/gate.py --build-only        # compile them: minutes with a warm Go build cache
    python bench/gate.py --only kube-proxy -- --keep on-failure

A change (bench/gate_changes.py) is a commit on a checkout (bench/checkout.py). ``--source path:DIR`` or ``--component NAME=path:DIR`` with
``--changed-since TAG`` picks what runs, so the table also shows that the picking is right. A change without a bug touches the same files as
those with one, hence runs all that they run, and has to be green.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from checkout import assemble, assemble_component, component_named, edit, git
from gate_changes import CHANGES, Change

from harness.reporting.model import load
from harness.settings import Settings

VERSION = "v1.37.2"
_HARNESS = Path(sys.executable).with_name("harness")


@dataclass(frozen=True)
class Base:
    """What a change is made to, and how it gets into a run."""

    checkout: Path
    tag: str
    source: str
    components: tuple[str, ...] = ()
    """``NAME=SOURCE``."""

    @property
    def flags(self) -> tuple[str, ...]:
        """Of ``harness build`` and ``harness run`` alike."""
        return tuple(f"--component={component}" for component in self.components)


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
        red = bool(self.change.red)
        return set(self.change.red) <= set(self.red) and bool(self.red) == red == bool(self.code) and self.tests > 0


def main(arguments: Sequence[str]) -> int:
    """Each change after the other; 0 if the gate let pass what is right and stopped what is not."""
    asked, further = _split(arguments)
    seen = []
    for change in CHANGES:
        if asked.only and change.name not in asked.only:
            continue
        base = base_of(change, asked.version, asked.checkouts)
        commit(base.checkout, base.tag, change)
        seen.append(
            _build(base, change) if asked.build_only else _run(base, asked.reports / change.name, change, further)
        )
        _show(seen[-1])
        git(base.checkout, "switch", "--quiet", "--detach", base.tag)
    return 0 if all(one.right for one in seen) else 1


def base_of(change: Change, version: str, checkouts: Path) -> Base:
    """The checkout that it is made to, assembled if it is not there, and the sources of a run with it."""
    if change.component:
        component = component_named(change.component)
        checkout = assemble_component(component, checkouts / f"{component.name}-{component.version}")
        return Base(checkout, component.version, f"module:{version}", (f"{component.name}=path:{checkout}",))
    checkout = assemble(version, checkouts / version)
    return Base(checkout, version, f"path:{checkout}")


def commit(checkout: Path, version: str, change: Change) -> None:
    """Put the change in: a branch with one commit, checked out."""
    git(checkout, "switch", "--quiet", "--force-create", f"change/{change.name}", version)
    for one in change.edits:
        edit(checkout, one.path, one.find, one.replacement, one.times)
    git(checkout, "commit", "--quiet", "--all", "--message", change.what)


def _build(base: Base, change: Change) -> Seen:
    begin = time.monotonic()
    code = _harness("build", base.source, *base.flags)
    return Seen(change, time.monotonic() - begin, code)


def _run(base: Base, reports: Path, change: Change, further: Sequence[str]) -> Seen:
    begin = time.monotonic()
    narrowed = ("--changed-since", base.tag, "--reports", str(reports))
    code = _harness("run", "--source", base.source, *base.flags, *narrowed, *further)
    seconds = time.monotonic() - begin
    if not (reports / "latest").exists():
        return Seen(change, seconds, code, ())
    report = load(reports / "latest")
    failed = report.failed_tests
    return Seen(
        change,
        seconds,
        code,
        tuple(sorted({test.suite for test in failed})),
        len(report.ran),
        tuple(test.name for test in failed),
    )


def _harness(*arguments: str) -> int:
    return subprocess.run([_HARNESS, *arguments], stdin=subprocess.DEVNULL, check=False).returncode


def _show(seen: Seen) -> None:
    word = "right" if seen.right else "WRONG"
    expected = ", ".join(seen.change.red) or "green"
    if seen.red is None:
        print(f"{seen.change.name:<16} built in {seen.seconds:.0f} s: {word}", flush=True)
        return
    found = ", ".join(seen.red) or (f"no failed test, exit code {seen.code}" if seen.code else "green")
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
    parser.add_argument("--version", default=VERSION, help="release of Kubernetes")
    place = Settings().cache.expanduser() / "checkouts"
    parser.add_argument("--checkouts", type=Path, default=place, help="where the checkouts are, or are made")
    parser.add_argument("--reports", type=Path, default=Path("reports/gate"), help="one folder a change")
    return parser.parse_args(own), further


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
