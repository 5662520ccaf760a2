"""What becomes of a cluster one of whose machines is not well: every fault of machines, on each role, during and after its bring-up.

A bring-up with a machine that does not boot, has no network or no room has to end as ``deploy``, one whose machine reboots as
success or ``deploy``; nothing may be left. A cluster that is up has to be seen as such no longer, and as up again once its machine is
well. Prints each with its seconds against a clean bring-up; exit code 1 if something ended otherwise. A node needs most of a minute to be
ready again after a reboot, so a shorter standstill than the usual one here fails some bring-ups that would recover.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kubernetes import client
from quiet import Quiet

from harness.builds import open_builder
from harness.builds.api import Build
from harness.clouds.api import TAG_RUN
from harness.clouds.journal import ask
from harness.clouds.local import LocalCloud
from harness.clouds.server import LocalServer
from harness.clusters.api import Cluster
from harness.clusters.kube import UNREACHABLE, items, open_client
from harness.deployers.api import ClusterRequest
from harness.deployers.kubeadm.deployer import KubeadmDeployer
from harness.deployers.kubeadm.names import names
from harness.errors import HarnessError, Outcome
from harness.settings import Settings

KINDS = {
    "unbootable": {Outcome.DEPLOY},
    "isolated": {Outcome.DEPLOY},
    "full": {Outcome.DEPLOY},
    "rebooting": {Outcome.DEPLOY, Outcome.PASSED},
}
GROUP, RUN = "harness-ill-machines", "ill-machines"
_LIMIT = 180.0
"""Seconds in which a cluster that is up has to be seen as what it is; a node is given up after 50."""


class Bench:
    """One cluster after the other, on one local Azure."""

    def __init__(self, settings: Settings, cloud: LocalCloud, build: Build, folder: Path) -> None:
        self._settings = settings
        self._cloud = cloud
        self._build = build
        self._folder = folder
        self._deployer = KubeadmDeployer(settings, cloud)
        self.names = names(GROUP, 1, 1)
        self.clean = 0.0
        self.problems = 0

    def tell(self, what: str, body: Any) -> None:
        """Ask local Azure for a fault, or for a machine's state."""
        info = LocalServer(self._settings.state / "localazure").running()
        assert info
        ask(info, "POST", what, body)

    @contextmanager
    def up(self) -> Iterator[tuple[Cluster | None, str, str]]:
        """The cluster if it came up, its outcome, and what was said; gone afterwards."""
        request = ClusterRequest(
            run=RUN, cell="cell", group=GROUP, location="westeurope", tags={TAG_RUN: RUN}, build=self._build,
            control_planes=1, workers=1, folder=self._folder, deadline=_soon(900),
        )  # fmt: skip
        try:
            try:
                yield self._deployer.up(request, Quiet()), Outcome.PASSED, ""
            except HarnessError as error:
                yield None, error.outcome, f"{error}\n{error.log_tail}"
        finally:
            self._deployer.down(GROUP, _soon(120))
            if self._cloud.groups({TAG_RUN: RUN}):
                self.report("teardown", 0, "left something")

    def during(self, kind: str, node: str, seconds: float) -> None:
        """A bring-up with one machine that is not well."""
        self.tell("faults", {"kind": kind, "path": f"/{node}$", "seconds": seconds})
        began = time.monotonic()
        with self.up() as (_, outcome, said):
            what = f"{kind} {node} after {seconds:g} s" if kind == "rebooting" else f"{kind} {node}"
            right = outcome in KINDS[kind] and (kind == "rebooting" or node in said)
            self.report(f"{what}: {outcome}", time.monotonic() - began, "" if right else said)

    def isolated(self, cluster: Cluster, node: str) -> None:
        """A cluster that is up, and one of whose machines loses its network and gets it back."""
        self.tell("machines", {"name": node, "state": "isolated"})
        self._await(f"isolated {node} is seen", lambda: not self._deployer.is_up(cluster))
        self.tell("machines", {"name": node, "state": "well"})
        self._await(f"{node} is well again", lambda: self._deployer.is_up(cluster))

    def rebooted(self, cluster: Cluster, node: str) -> None:
        """A cluster that is up, and one of whose machines reboots."""
        before = _boot(cluster, node)
        self.tell("machines", {"name": node, "state": "rebooted"})
        self._await(f"rebooted {node} is back", lambda: _boot(cluster, node) not in ("", before))
        self._await(f"{node} is well again", lambda: self._deployer.is_up(cluster))

    def _await(self, what: str, condition: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not (true := condition()) and time.monotonic() - began < _LIMIT:
            time.sleep(0.5)
        self.report(what, time.monotonic() - began, "" if true else f"not in {_LIMIT:g} s")

    def report(self, what: str, seconds: float, problem: str) -> None:
        """A line, and all that was said if it is wrong."""
        self.problems += bool(problem)
        ratio = f"{seconds / self.clean:5.1f} x a clean bring-up" if self.clean else ""
        print(f"{seconds:6.1f} s  {ratio}  {what}{': WRONG' if problem else ''}\n{problem}".rstrip(), flush=True)


def main() -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--source", default="module:v1.37.2", help="Kubernetes (default: %(default)s)")
    parser.add_argument("--standstill", default="75s", help="as of harness run (default: %(default)s)")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="ill-machines-") as scratch:
        cache = Path(os.environ.get("HARNESS_CACHE", "~/.cache/kubernetes-azure-harness")).expanduser()
        settings = Settings(standstill=arguments.standstill).changed(cache=cache, state=Path(scratch) / "state")
        build = open_builder(settings.cache).build(arguments.source, print)
        with LocalCloud(settings) as cloud:
            cloud.stage(build, print)
            bench = Bench(settings, cloud, build, Path(scratch) / "cell")
            _all(bench)
    print(f"{bench.problems} problems")
    return 1 if bench.problems else 0


def _all(bench: Bench) -> None:
    control_plane, worker = (node.name for node in bench.names.nodes)
    began = time.monotonic()
    with bench.up() as (cluster, outcome, said):
        taken = time.monotonic() - began
        bench.report(f"clean: {outcome}", taken, said)
        bench.clean = taken
        if cluster:
            bench.rebooted(cluster, worker)
            bench.isolated(cluster, worker)
            bench.rebooted(cluster, control_plane)
    for node in (worker, control_plane):
        for kind in ("unbootable", "isolated", "full"):
            bench.during(kind, node, 1)
        for seconds in (1, 3, 6, 10, 15, 20):
            bench.during("rebooting", node, seconds)


def _boot(cluster: Cluster, name: str) -> str:
    """What kubelet says of its machine's last boot; empty while nobody says anything."""
    with closing(open_client(cluster.kubeconfig)) as api:
        try:
            nodes = items(client.CoreV1Api(api).list_node)
        except UNREACHABLE:
            return ""
    return next(str(node["status"]["nodeInfo"]["bootID"]) for node in nodes if node["metadata"]["name"] == name)


def _soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


if __name__ == "__main__":
    sys.exit(main())
