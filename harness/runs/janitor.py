"""Which resource groups ``sweep`` may delete: rules over what the cloud and this host's ledgers say, without touching anything.

A group is looked at if it carries our run tag or our name. It goes only if it also carries our owner tag, is not marked to be kept, is
past its expiry, and no living process of this host works on its run. What cannot be read is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.clouds.api import TAG_CREATED, TAG_EXPIRES, TAG_KEEP, TAG_OWNER, TAG_RUN, Group
from harness.runs.status import RunStatus

_NAME = re.compile(r"harness-(\d{8}-\d{6}-[0-9a-f]{4})-\d+(-\d+)?")
"""See :func:`harness.runs.plan.group_name`; a failover's group has the number of its attempt behind it."""
_NO = ("", "false", "no", "0")

LedgerOf = Callable[[str], RunStatus | None]
"""Run id -> what this host's ledger says now; None if there is none."""


@dataclass(frozen=True)
class Judgement:
    """What is to become of one group."""

    run: str
    delete: bool
    why: str


def judge(group: Group, ledger_of: LedgerOf, default_age: float, now: float) -> Judgement | None:
    """The judgement on a group; None if it is none of ours.

    :param default_age: seconds after which a group expires whose tag was lost.
    :param now: Unix time.
    """
    named = _NAME.fullmatch(group.name.lower())
    run = group.tags.get(TAG_RUN, "") or (named[1] if named else "")
    if not run:
        return None
    if why := protection(group):
        return Judgement(run, False, why)
    known = ledger_of(run)
    if known is not None and (why := _needed(known, now)):
        return Judgement(run, False, why)
    return _by_age(group, run, default_age, now)


def protection(group: Group) -> str:
    """Why no sweep may delete the group, whatever a ledger says; empty if nothing forbids it."""
    if not group.tags.get(TAG_OWNER):
        return f"has no tag {TAG_OWNER}, so nobody says that it is ours"
    if group.tags.get(TAG_KEEP, "").lower() not in _NO:
        return f"marked {TAG_KEEP}={group.tags[TAG_KEEP]}"
    return ""


def expires_before(group: Group, moment: float) -> bool:
    """Whether a sweep may take the group before then, by its tags; never, if they cannot be read."""
    tag = group.tags.get(TAG_EXPIRES, "")
    try:
        return not tag or _unix(tag) < moment
    except ValueError:
        return False


def _needed(known: RunStatus, now: float) -> str:
    """Why the run's own ledger forbids a deletion, empty if it does not."""
    if known.problem:
        return f"its ledger cannot be read: {known.problem}"
    if known.owners:
        return f"run {known.run} is going on ({known.owners[0]})"
    until = max(known.state.kept.values(), default=0.0)
    return f"kept until {datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}" if until > now else ""


def _by_age(group: Group, run: str, default_age: float, now: float) -> Judgement:
    tag = group.tags.get(TAG_EXPIRES, "")
    try:
        expires = _unix(tag) if tag else _born(group, run) + default_age
    except ValueError:
        return Judgement(
            run, False, f"when it expires cannot be read: {TAG_EXPIRES}={tag!r}; correct or delete it by hand"
        )
    left = expires - now
    if left > 0:
        return Judgement(run, False, f"expires in {left / 60:.0f} min")
    return Judgement(run, True, f"expired {-left / 60:.0f} min ago" + ("" if tag else ", by its age: the tag is gone"))


def _born(group: Group, run: str) -> float:
    """When it was made: by its tag, else by the run id in its name; raises ``ValueError``."""
    if group.tags.get(TAG_CREATED):
        return _unix(group.tags[TAG_CREATED])
    return datetime.strptime(run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
