"""Which commits lie between two versions of Kubernetes: an address to read them at, and their titles where a checkout is at hand."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from harness.errors import UsageError
from harness.reporting.comparison.api import CommitRange, Side
from harness.reporting.text import line

_REPOSITORY = "https://github.com/kubernetes/kubernetes/compare"
_RELEASE = re.compile(r"v\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?")
_COMMIT = re.compile(r"(?:\+|-g)([0-9a-f]{7,40})")
_HASH = re.compile(r"[0-9a-f]{7,40}")
_SHOWN = 100
_SECONDS = 30.0


def ranges(run: Side, base: Side, pairs: tuple[tuple[str, str], ...], checkout: Path | None) -> tuple[CommitRange, ...]:
    """One for each pair of cells whose versions differ, each only once.

    :param checkout: a clone of Kubernetes; without one there are addresses only.
    :raises UsageError: if the checkout is none.
    """
    now = {track.track: track.version for track in run.tracks}
    then = {track.track: track.version for track in base.tracks}
    different = {
        (then[old], now[new]): None for new, old in pairs if new in now and old in then and then[old] != now[new]
    }
    return tuple(_range(before, after, checkout) for before, after in different)


def revision(version: str) -> str:
    """What git calls this version: a tag or a commit; empty if the version does not say."""
    if _RELEASE.fullmatch(version):
        return version
    found = _COMMIT.search(version)
    return found[1] if found else ""


def address(before: str, now: str) -> str:
    """Where the difference of two versions, tags or commits can be read; empty if one of them has no public name."""
    start, end = (name if _HASH.fullmatch(name) else revision(name) for name in (before, now))
    return f"{_REPOSITORY}/{start}...{end}" if start and end else ""


def _range(before: str, now: str, checkout: Path | None) -> CommitRange:
    start, end = revision(before), revision(now)
    if not (start and end):
        return CommitRange(before, now)
    titles = _titles(checkout, start, end) if checkout else []
    return CommitRange(before, now, address(before, now), tuple(titles[:_SHOWN]), max(0, len(titles) - _SHOWN))


def _titles(checkout: Path, start: str, end: str) -> list[str]:
    if not (checkout / ".git").exists():
        raise UsageError(f"{checkout} is not a checkout", hint="give the folder of a clone of Kubernetes")
    done = subprocess.run(
        ["git", "-C", str(checkout), "log", "--no-decorate", "--oneline", "--no-merges", f"{start}..{end}", "--"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise UsageError(
            f"list the commits {start}..{end} of {checkout}",
            last_seen=line(done.stderr),
            hint="fetch both versions there first: git fetch --tags",
        )
    return [line(title) for title in done.stdout.splitlines()]
