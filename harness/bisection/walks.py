"""Candidates: released versions as the Go module proxy lists them, or commits of a checkout along its first parents."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.bisection.api import Candidate
from harness.builds.toolchain import find_toolchain
from harness.errors import UsageError
from harness.reporting.text import line

_MODULE = "k8s.io/kubernetes"
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-(alpha|beta|rc)\.(\d+))?")
_SECONDS = 120.0


def published() -> list[str]:
    """Every version of Kubernetes that the module proxy serves."""
    done = find_toolchain().run(
        ["list", "-m", "-versions", "-json", _MODULE],
        f"list the versions of {_MODULE}",
        cwd=Path("/"),
        timeout=_SECONDS,
    )
    return [str(version) for version in json.loads(done).get("Versions", ())]


@dataclass(frozen=True)
class Versions:
    """Releases between two; pre-releases only where an end is one."""

    versions: Callable[[], Sequence[str]] = published

    def candidates(self, good: str, bad: str) -> tuple[Candidate, ...]:
        ends = [_order(good), _order(bad)]
        if ends[0] >= ends[1]:
            raise UsageError(f"--good {good} does not come before --bad {bad}", hint="a search goes from old to new")
        served = self.versions()
        for flag, end in (("--good", good), ("--bad", bad)):
            if end not in served:
                newest = ", ".join(sorted(served, key=_key)[-5:])
                raise UsageError(f"{flag} {end}: there is no such version", hint=f"the newest are {newest}")
        early = any(_VERSION.fullmatch(end)[4] for end in (good, bad))  # type: ignore[index] # checked by _order
        between = [
            version
            for version in served
            if (match := _VERSION.fullmatch(version))
            and (early or not match[4])
            and ends[0] <= _order(version) <= ends[1]
        ]
        return tuple(Candidate(version, f"module:{version}") for version in sorted(between, key=_key))


@dataclass(frozen=True)
class Commits:
    """Commits of a checkout, each built from its own state by the ``git:`` source."""

    checkout: Path

    def candidates(self, good: str, bad: str) -> tuple[Candidate, ...]:
        if not (self.checkout / ".git").exists():
            raise UsageError(
                f"--checkout {self.checkout} is not a checkout", hint="give the folder of a clone of Kubernetes"
            )
        start, end = self._commit("--good", good), self._commit("--bad", bad)
        rows = self._git(["log", "--first-parent", "--reverse", "--format=%H %s", f"{start}..{end}", "--"]).splitlines()
        if not rows or self._base(start, end) != start:
            raise UsageError(f"--good {good} is not an ancestor of --bad {bad}", hint="a search goes from old to new")
        title = self._git(["show", "--no-patch", "--format=%s", start]).strip()
        return tuple(self._candidate(*row.split(" ", 1)) for row in (f"{start} {title}", *rows))

    def _candidate(self, commit: str, title: str = "") -> Candidate:
        return Candidate(commit[:12], f"git:{self.checkout.resolve()}@{commit}", line(title))

    def _commit(self, flag: str, name: str) -> str:
        try:
            return self._git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]).strip()
        except UsageError as error:
            raise UsageError(
                f"{flag} {name}: there is no such commit in {self.checkout}", hint="fetch it there first"
            ) from error

    def _base(self, start: str, end: str) -> str:
        return self._git(["merge-base", start, end]).strip()

    def _git(self, arguments: Sequence[str]) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.checkout), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            raise UsageError(f"git {arguments[0]} in {self.checkout}", last_seen=line(done.stderr) or "it failed")
        return done.stdout


def _order(version: str) -> tuple[int, ...]:
    match = _VERSION.fullmatch(version)
    if match is None:
        raise UsageError(
            f"{version!r} is not a version of Kubernetes",
            hint="write it in full, like v1.37.2; commits need --checkout",
        )
    stage = ("alpha", "beta", "rc").index(match[4]) if match[4] else 3
    return (int(match[1]), int(match[2]), int(match[3]), stage, int(match[5] or 0))


def _key(version: str) -> tuple[int, ...]:
    return _order(version) if _VERSION.fullmatch(version) else (0,)
