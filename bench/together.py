"""Two runs at a time, a loop of sweeps, and a loop that kills local Azure, on one host for twenty minutes.

``bench/together.py [--minutes N] [--seed S] [--folder DIR] [-- ARGUMENTS OF harness run]``. Beside them a cluster stands that was
brought up before, and groups that are not to be deleted: somebody else's, and one marked to be kept. Prints what became of each run,
and at the end whether anything was lost (a planned test without a result, a test that failed), deleted wrongly (a group, a node of the
cluster that stands) or left (a group that had expired; anything on this host). Exit code 1 if so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from host import HostState
from kubernetes import client

from harness.clouds.api import TAG_EXPIRES, TAG_KEEP, TAG_OWNER, TAG_RUN
from harness.clouds.local import LocalCloud
from harness.clusters.kube import items, open_client
from harness.settings import load

TOP = Path(__file__).resolve().parent.parent
HARNESS = TOP / ".venv" / "bin" / "harness"
LIMIT = 3600
PAST = "2020-01-01T00:00:00Z"
SUITES = (("pod_networking",), ("volumes", "loadbalancer"))
"""What each of the two loops runs, again and again."""
STAY = {
    "somebody-elses": {},
    "unowned": {TAG_RUN: "r", TAG_EXPIRES: PAST},
    "marked": {TAG_RUN: "r", TAG_OWNER: "o", TAG_EXPIRES: PAST, TAG_KEEP: "yes"},
}
EXPIRED = {TAG_RUN: "r", TAG_OWNER: "o", TAG_EXPIRES: PAST}


@dataclass
class Together:
    """All that goes on in one folder."""

    folder: Path
    arguments: list[str]
    until: float = 0.0
    wrong: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def call(self, name: str, *arguments: str) -> tuple[int, str]:
        """A harness command with reports of its own, to its end: its exit code, and the last line that it wrote."""
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        output = self.folder / name / "output.txt"
        with output.open("ab") as file:
            places = ["--reports", str(self.folder / name)]
            if arguments[0] != "down":
                places += ["--state", str(self.state)]
            code = subprocess.run(
                [HARNESS, *arguments, *places],
                cwd=TOP,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=LIMIT,
                check=False,
            ).returncode
        return code, (output.read_text().splitlines() or [""])[-1]

    def say(self, text: str, *, wrong: bool = False) -> None:
        print(f"{'wrong' if wrong else 'ok':5}  {text}", flush=True)
        if wrong:
            self.wrong.append(text)

    def runs(self, suites: tuple[str, ...]) -> None:
        """Run these suites until the time is over."""
        name = "-".join(suites)
        chosen = [part for suite in suites for part in ("--suite", suite)]
        while time.monotonic() < self.until:
            began = time.monotonic()
            code, _ = self.call(name, "run", *chosen, *self.arguments)
            self.done[f"runs of {name}"] += 1
            lost = results_wrong(self.folder / name / "latest")
            text = f"{time.monotonic() - began:6.1f} s  run of {name}: exit code {code}"
            self.say("\n         ".join([text, *lost]), wrong=bool(code or lost))

    def sweeps(self) -> None:
        """Sweep again and again; each time with something that has expired."""
        settings = load({"state": str(self.state)}, {}, self.folder)
        while time.monotonic() < self.until:
            with LocalCloud(settings) as cloud:
                cloud.create_group(f"expired-{self.done['sweeps']}", "westeurope", EXPIRED)
            code, last = self.call("sweeps", "sweep")
            self.done["sweeps"] += 1
            if code:
                self.say(f"sweep: exit code {code}: {last}", wrong=True)
            time.sleep(5)

    def restarts(self, chance: random.Random) -> None:
        """Kill local Azure again and again; who needs it starts it."""
        while time.monotonic() < self.until:
            time.sleep(chance.uniform(10, 50))
            try:
                os.kill(int(json.loads((self.state / "localazure" / "server.json").read_text())["pid"]), signal.SIGKILL)
                self.done["kills of the server"] += 1
            except (OSError, ValueError):
                self.done["kills that found none"] += 1


def results_wrong(run: Path) -> list[str]:
    """Planned tests without a result, and tests that did not pass."""
    planned = {item["nodeid"] for item in json.loads((run / "planned.json").read_text())}
    lines = map(json.loads, (run / "results.jsonl").read_text().splitlines())
    last = {line["nodeid"]: line["outcome"] for line in lines}
    return [
        *(f"no result: {name}" for name in sorted(planned - last.keys())),
        *(f"{outcome}: {name}" for name, outcome in sorted(last.items()) if outcome not in ("passed", "skipped")),
    ]


def nodes(run: Path) -> dict[str, str]:
    """Name and uid of each node that is ready."""
    (kubeconfig,) = run.glob("cells/*/**/kubeconfig")
    with closing(open_client(kubeconfig)) as api:
        return {
            node["metadata"]["name"]: node["metadata"]["uid"]
            for node in items(client.CoreV1Api(api).list_node)
            if any(known["type"] == "Ready" and known["status"] == "True" for known in node["status"]["conditions"])
        }


def everything(given: Together, minutes: float, chance: random.Random) -> None:
    """Bring up what has to stand, let everything go on beside it, and look."""
    settings = load({"state": str(given.state)}, {}, given.folder)
    with LocalCloud(settings) as cloud:
        for name, tags in STAY.items():
            cloud.create_group(name, "westeurope", tags)
        code, _ = given.call("standing", "up")
        standing = (given.folder / "standing" / "latest").resolve()
        given.say(f"a cluster that stands: exit code {code}, run {standing.name}", wrong=bool(code))
        before = nodes(standing)
        given.until = time.monotonic() + minutes * 60
        loops: list[Callable[[], None]]
        loops = [*(partial(given.runs, suites) for suites in SUITES), given.sweeps, partial(given.restarts, chance)]
        threads = [threading.Thread(target=loop) for loop in loops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = nodes(standing)
        given.say(f"nodes of the cluster that stands: {len(before)} before, {len(after)} after", wrong=before != after)
        code, _ = given.call("standing", "down", "--run", standing.name)
        given.say(f"taken down: exit code {code}", wrong=bool(code))
        left = sorted(group.name for group in cloud.groups({}))
        given.say(f"groups in the end: {', '.join(left)}", wrong=left != sorted(STAY))
        for name in left:
            cloud.delete_group(name, datetime.now(UTC) + timedelta(minutes=5))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep everything here")
    parser.add_argument("arguments", nargs="*", help="for harness run")
    asked = parser.parse_args()
    host = HostState.now()
    with TemporaryDirectory() if asked.folder is None else nullcontext(asked.folder) as place:
        given = Together(Path(place), asked.arguments)
        given.folder.mkdir(parents=True, exist_ok=True)
        everything(given, asked.minutes, random.Random(asked.seed))
    print(*(f"{count:5}  {what}" for what, count in sorted(given.done.items())), sep="\n")
    for line in host.differences(HostState.now()):
        given.say(f"left on the host: {line}", wrong=True)
    print(f"{len(given.wrong)} things went wrong")
    return 1 if given.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
