"""``up`` and ``down`` against a naive floor that is measured in the same run, on the same local Azure, alternating.

Ours is the kubeadm deployer from the PUT of its deployment to ready, without the hold: three nodes, cloud provider, routes, an API
server behind a load balancer, DNS and a Service answering from every node. The floor is in naive_floor.py. The pairs take turns in
who goes first, because the host's other work changes from minute to minute. Everything is removed afterwards, also after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import naive_floor
from quiet import Quiet

from harness.builds import open_builder
from harness.builds.api import Build
from harness.clouds.api import TAG_CREATED, TAG_RUN
from harness.clouds.local import LocalCloud
from harness.deployers.api import ClusterRequest
from harness.deployers.kubeadm.deployer import KubeadmDeployer
from harness.errors import HarnessError
from harness.localazure.arm.ids import fabric_key
from harness.localazure.fabric.names import Names
from harness.runs.signals import Stops
from harness.settings import Settings, load

_UP = 300.0
_DOWN = 60.0
_LOCATION = "westeurope"
_GIB = 2**30
_GROUPS = Path("/sys/fs/cgroup")


@dataclass
class _Measured:
    """One cluster, up and down."""

    steps: dict[str, float] = field(default_factory=dict)
    """Seconds from the deployment's PUT to the end of each step; the last one is the result."""
    down: float = 0.0
    memory: int = 0
    """Bytes of all its machines once ready; 0 if not measured."""

    @property
    def up(self) -> float:
        return max(self.steps.values())


@dataclass(frozen=True)
class _Bench:
    settings: Settings
    cloud: LocalCloud
    build: Build
    scratch: Path

    def ours(self, number: int) -> _Measured:
        """A cluster by the kubeadm deployer."""
        measured = _Measured()
        deployer = KubeadmDeployer(self.settings, self.cloud)
        group = f"harness-bench-{os.getpid()}-ours-{number}"
        request = ClusterRequest(
            run=_run(),
            cell="bench",
            group=group,
            location=_LOCATION,
            tags=_tags(),
            build=self.build,
            control_planes=1,
            workers=2,
            folder=self.scratch / group,
            deadline=_soon(_UP),
        )
        with self._removed(group, measured):
            cluster = deployer.up(request, Quiet())
            measured.memory = sum(self._memory(group, node.name) for node in cluster.nodes)
            steps = json.loads((request.folder / "timings.json").read_text())
            measured.steps = {step: steps[step] for step in steps if step != "held"}
        return measured

    def naive(self, number: int) -> _Measured:
        """A cluster as one would make it by hand."""
        measured = _Measured()
        group = f"harness-bench-{os.getpid()}-naive-{number}"
        with self._removed(group, measured):
            self.cloud.create_group(group, _LOCATION, _tags())
            profile = self.cloud.node_profile(self.build, _LOCATION, group, _soon(_UP))
            measured.steps = naive_floor.bring_up(self.cloud, self.build, profile, group, _LOCATION, _soon(_UP))
        return measured

    @contextmanager
    def _removed(self, group: str, measured: _Measured) -> Iterator[None]:
        """Delete the group afterwards, whatever happened, and prove it gone."""
        try:
            yield
        finally:
            with Stops().noted():
                begun = time.monotonic()
                self.cloud.delete_group(group, _soon(_DOWN))
                measured.down = time.monotonic() - begun

    def _memory(self, group: str, machine: str) -> int:
        """What a machine's control group uses, without file cache that the kernel would give back first."""
        found = self.cloud.compute.virtual_machines.get(group, machine)
        name = Names(self.settings.state / "localazure").machine(fabric_key(str(found.id)))
        for folder in (_GROUPS / "memory" / name, _GROUPS / name, _GROUPS / "machine.slice" / f"{name}.service"):
            for usage, inactive in (
                ("memory.usage_in_bytes", "total_inactive_file"),
                ("memory.current", "inactive_file"),
            ):
                if (folder / usage).exists():
                    lines = (folder / "memory.stat").read_text().splitlines()
                    stat = dict(line.split() for line in lines)
                    return int((folder / usage).read_text()) - int(stat[inactive])
        raise HarnessError(f"read the memory of {machine}", last_seen=f"no control group {name} below {_GROUPS}")


def main() -> int:
    """Measure the pairs and print; the exit code is that of an infrastructure failure if one does not come up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3, metavar="N", help="clusters of each kind (default 3)")
    parser.add_argument("--source", default="module:v1.37.2", help="Kubernetes of both (default module:v1.37.2)")
    parser.add_argument("--state", metavar="DIR", help="state folder of local Azure; on the file system of the cache")
    chosen = parser.parse_args()
    if chosen.pairs < 1:
        parser.error("--pairs: at least 1")
    signal.signal(signal.SIGTERM, _interrupted)
    settings = load({"state": chosen.state, "hold": "0s", "cloud": "local"}, os.environ, Path.cwd())
    try:
        build = open_builder(settings.cache).build(chosen.source, _say)
        with TemporaryDirectory() as scratch, LocalCloud(settings) as cloud:
            cloud.stage(build, _say)
            bench = _Bench(settings, cloud, build, Path(scratch))
            pairs = [_pair(bench, number) for number in range(1, chosen.pairs + 1)]
    except HarnessError as error:
        print(f"error: {error}\n{error.log_tail}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted; everything was removed", file=sys.stderr)
        return 2
    _print(pairs)
    return 0


def _pair(bench: _Bench, number: int) -> tuple[_Measured, _Measured]:
    if number % 2:
        ours, naive = bench.ours(number), bench.naive(number)
    else:
        naive, ours = bench.naive(number), bench.ours(number)
    print(
        f"pair {number}   ours {ours.up:6.1f} s   naive {naive.up:6.1f} s   ratio {ours.up / naive.up:5.2f}"
        f"   down {ours.down:4.1f} s   three nodes {ours.memory / _GIB:5.2f} GiB   load {os.getloadavg()[0]:.1f}"
    )
    for name, one in (("ours", ours), ("naive", naive)):
        steps = sorted(one.steps.items(), key=lambda item: item[1])
        print(f"  {name:6s} " + ", ".join(f"{step} {seconds:.1f}" for step, seconds in steps), flush=True)
    return ours, naive


def _print(pairs: Sequence[tuple[_Measured, _Measured]]) -> None:
    ours = statistics.median(pair[0].up for pair in pairs)
    naive = statistics.median(pair[1].up for pair in pairs)
    ratio = statistics.median(pair[0].up / pair[1].up for pair in pairs)
    print(f"up, median                 {ours:7.1f} s")
    print(f"naive floor, median        {naive:7.1f} s")
    print(f"ratio, median of pairs     {ratio:7.2f}     (goal: at most 1.2)")
    print(f"down, verified, median     {statistics.median(pair[0].down for pair in pairs):7.1f} s   (goal: at most 3)")
    print(f"three nodes, most          {max(pair[0].memory for pair in pairs) / _GIB:7.2f} GiB (goal: at most 2.5)")


def _run() -> str:
    return f"bench-{os.getpid()}"


def _tags() -> dict[str, str]:
    return {TAG_RUN: _run(), TAG_CREATED: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}


def _soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _say(text: str) -> None:
    print(text, flush=True)


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
