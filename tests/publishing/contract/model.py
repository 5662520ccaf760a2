"""Queue and builds of the contract server. Nothing runs in the background: whatever is due has happened by the time somebody looks.

What is kept over a restart is what Jenkins keeps: builds always, the queue only when it is shut down properly, what was left never.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .work import JOBS, Work


@dataclass
class Build:
    """A build; times are Unix times."""

    job: str
    number: int
    queue_id: int
    parameters: dict[str, str]
    user: str
    started: float
    work: Work
    display_name: str = ""
    description: str = ""
    stopped: float = 0.0

    @property
    def ends(self) -> float:
        return self.stopped or self.started + self.work.seconds

    @property
    def building(self) -> bool:
        return time.time() < self.ends

    @property
    def result(self) -> str | None:
        return None if self.building else "ABORTED" if self.stopped else self.work.result

    @property
    def log(self) -> bytes:
        """The console so far."""
        elapsed = min(time.time(), self.ends) - self.started
        lines = [f"Started by user {self.user}", *(text for at, text in self.work.lines if at <= elapsed)]
        return ("\n".join([*lines, *(["Finished: ABORTED"] if self.stopped else [])]) + "\n").encode()


@dataclass
class Item:
    """An item of the queue."""

    id: int
    job: str
    parameters: dict[str, str]
    user: str
    since: float
    quiet: float
    cancelled: bool = False
    number: int = 0
    """Of the build, once it has left."""
    left: float = 0.0


@dataclass
class Model:
    """All of it, below one folder."""

    home: Path
    quiet: float = 0.0
    """Seconds of the quiet period; five in Jenkins."""
    memory: float = 300.0
    """How long an item that left is remembered."""
    executors: int = 16
    torn: bool = False
    """Uploads lose their end, as on a full disk."""
    flush: int = 1
    """What is logged can be seen in pieces of so many bytes, until the build has ended."""
    names: bool = True
    """Whether the ingest job names its builds."""
    items: list[Item] = field(default_factory=list)
    builds: list[Build] = field(default_factory=list)
    last_id: int = 0

    def __post_init__(self) -> None:
        for path in sorted(self.home.glob("builds/*.json"), key=lambda path: int(path.stem)):
            raw = json.loads(path.read_text())
            self.builds.append(Build(**{**raw, "work": Work(**raw["work"])}))
        queue = self.home / "queue.json"
        if queue.exists():
            self.items = [Item(**raw) for raw in json.loads(queue.read_text())]
            queue.unlink()
        ids = [*(build.queue_id for build in self.builds), *(item.id for item in self.items)]
        self.last_id = max(ids, default=0)

    def save_queue(self) -> None:
        """What Jenkins does when it is shut down."""
        (self.home / "queue.json").write_text(json.dumps([asdict(item) for item in self.items if not item.left]))

    def schedule(self, job: str, given: Mapping[str, str], files: Mapping[str, bytes], user: str) -> Item:
        """Put a build into the queue."""
        self.last_id += 1
        parameters = {item.name: given.get(item.name, item.default) for item in JOBS[job].parameters}
        for name, data in files.items():
            path = self._stash(self.last_id) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data[: len(data) // 2] if self.torn else data)
        item = Item(self.last_id, job, parameters, user, time.time(), self.quiet)
        self.items.append(item)
        return item

    def advance(self) -> None:
        """Let happen what is due."""
        now = time.time()
        for item in self.items:
            if not item.left and now >= item.since + item.quiet and not self.why(item):
                item.number, item.left = self._start(item).number, now
        self.items = [item for item in self.items if not item.left or now < item.left + self.memory]

    def why(self, item: Item) -> str:
        """What an item waits for, but for its quiet period."""
        building = [build for build in self.builds if build.building]
        last = next((build for build in building if build.job == item.job), None)
        if last and not JOBS[item.job].concurrent:
            return f"Build #{last.number} is already in progress (ETA: N/A)"
        return "Waiting for next available executor" if len(building) >= self.executors else ""

    def of(self, job: str) -> list[Build]:
        """Builds of a job, newest first."""
        return [build for build in reversed(self.builds) if build.job == job]

    def build(self, job: str, number: int) -> Build | None:
        return next((build for build in self.builds if (build.job, build.number) == (job, number)), None)

    def waiting(self) -> list[Item]:
        return [item for item in self.items if not item.left]

    def save(self, build: Build) -> None:
        """Write the build's record."""
        path = self.home / "builds" / f"{build.queue_id}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(asdict(build)))

    def _start(self, item: Item) -> Build:
        earlier = self.of(item.job)
        before = sum(build.parameters.get("RUN_ID") == item.parameters.get("RUN_ID") for build in earlier)
        work = JOBS[item.job].work(item.parameters, self._stash(item.id), before)
        shutil.rmtree(self._stash(item.id), ignore_errors=True)
        number = earlier[0].number + 1 if earlier else 1
        build = Build(item.job, number, item.id, item.parameters, item.user, time.time(), work)
        if self.names:
            build.display_name, build.description = work.display_name, work.description
        self.builds.append(build)
        self.save(build)
        return build

    def _stash(self, queue_id: int) -> Path:
        return self.home / "stash" / str(queue_id)


def uploads(build: Build) -> dict[str, Any]:
    """What tests count."""
    return {"job": build.job, "number": build.number, "run": build.parameters.get("RUN_ID", ""), "result": build.result}
