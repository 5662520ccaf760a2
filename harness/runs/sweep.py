"""Deleting what expired or was abandoned: first by the ledgers of this host, then by tags, which also find what other hosts lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.clouds.api import TAG_EXPIRES, TAG_RUN, Group
from harness.errors import HarnessError, Outcome
from harness.runs.parts import Parts
from harness.runs.status import status
from harness.runs.teardown import SECONDS, teardown
from harness.settings import Settings


@dataclass(frozen=True)
class Swept:
    """One thing that was, or would be, deleted."""

    what: str
    why: str
    remove: Callable[[], Outcome]


def candidates(settings: Settings, parts: Parts, now: float | None = None) -> Iterator[Swept]:
    """What may be deleted on the settings' cloud; nothing is touched until ``remove`` is called."""
    now = time.time() if now is None else now
    runs = [run for run in status(settings.reports) if run.cloud == settings.cloud]
    for run in runs:
        if run.overdue(now):
            names = ", ".join(resource.name for resource in run.resources)
            yield Swept(
                f"run {run.run} ({names})",
                "its process is gone" if run.state.abandoned else "expired",
                lambda folder=run.folder: teardown(folder, kept=True, parts=parts),  # type: ignore[misc]
            )
    known = {run.run for run in runs if run.resources}
    with parts.cloud(settings.cloud)(settings) as cloud:
        for group in cloud.groups({TAG_RUN: "", TAG_EXPIRES: ""}):
            if group.tags[TAG_RUN] in known or not _expired(group, now):
                continue

            def remove(name: str = group.name) -> Outcome:
                cloud.delete_group(name, datetime.fromtimestamp(time.time() + SECONDS, UTC))
                return Outcome.PASSED

            yield Swept(f"resource group {group.name} of run {group.tags[TAG_RUN]}", "expired", remove)


def _expired(group: Group, now: float) -> bool:
    try:
        return datetime.fromisoformat(group.tags[TAG_EXPIRES]).timestamp() <= now
    except ValueError as error:
        raise HarnessError(
            f"read when resource group {group.name} expires",
            last_seen=f"tag {TAG_EXPIRES}={group.tags[TAG_EXPIRES]!r}",
            hint="correct the tag, or delete the group by hand",
        ) from error
