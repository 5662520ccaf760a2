"""A bring-up some of whose machines are not well: given up with evidence of each, or recovered from; and nothing is left."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from harness.builds import open_builder
from harness.clouds.api import TAG_RUN
from harness.clouds.journal import ask
from harness.clouds.local import LocalCloud
from harness.clouds.server import LocalServer
from harness.clusters.kube import UNREACHABLE, items, open_client
from harness.deployers.api import ClusterRequest
from harness.deployers.kubeadm.deployer import KubeadmDeployer
from harness.deployers.kubeadm.names import names
from harness.errors import DeployError, Outcome
from harness.settings import Settings

from .test_up import SOURCE, Printed, soon

GROUP = "harness-test-ill-1"
ILL = {"w-0": "unbootable", "w-1": "isolated", "w-2": "full", "w-3": "rebooting"}


@contextmanager
def removed(deployer: KubeadmDeployer) -> Iterator[None]:
    try:
        yield
    finally:
        deployer.down(GROUP, soon(60))


def joined(kubeconfig: Path, wanted: set[str], limit: float) -> set[str]:
    """Names of the nodes once they are those wanted, or after so many seconds."""
    until, found = time.monotonic() + limit, set[str]()
    with closing(open_client(kubeconfig)) as api:
        while found != wanted and time.monotonic() < until:
            with suppress(UNREACHABLE):
                found = {node["metadata"]["name"] for node in items(client.CoreV1Api(api).list_node)}
            time.sleep(0.25)
    return found


@pytest.mark.root
@pytest.mark.e2e
def test_a_bring_up_with_machines_that_are_not_well(tmp_path: Path) -> None:
    settings = Settings(standstill="30s").changed(
        cache=Path(os.environ.get("HARNESS_CACHE", "~/.cache/kubernetes-azure-harness")).expanduser(),
        state=tmp_path / "state",
    )
    build = open_builder(settings.cache).build(os.environ.get("HARNESS_TEST_SOURCE", SOURCE), print)
    known = names(GROUP, 1, len(ILL))
    unbootable, isolated, full, rebooting = (node.name for node in known.nodes[1:])
    with LocalCloud(settings) as cloud:
        cloud.stage(build, print)
        deployer = KubeadmDeployer(settings, cloud)
        request = ClusterRequest(
            run="test-ill", cell="cell", group=GROUP, location="westeurope", tags={TAG_RUN: "test-ill"}, build=build,
            control_planes=1, workers=len(ILL), folder=tmp_path / "cell", deadline=soon(600),
        )  # fmt: skip
        info = LocalServer(settings.state / "localazure").running()
        assert info

        def tell(what: str, body: Any) -> None:
            ask(info, "POST", what, body)

        faults = [{"kind": kind, "path": f"-{name}$", "seconds": 6} for name, kind in ILL.items()]
        late = {"kind": "operation", "path": "-cp-0$", "call": "PUT Microsoft.Compute/virtualMachines", "seconds": 10}
        tell("faults", [*faults, late])  # so that the machine that reboots does so while it still waits to join
        with removed(deployer):
            with pytest.raises(DeployError) as caught:
                deployer.up(request, Printed())
            error = caught.value
            print(f"{error}\n{error.log_tail}")
            assert error.outcome is Outcome.DEPLOY
            assert "of which nothing was new for" in error.awaited
            for name in (unbootable, isolated, full):
                assert f"node {name} has not joined" in error.last_seen
                assert f"--- {name} (worker): VM running, its agent is" in error.log_tail
                assert f"{name}/console.log" in error.hint
            assert error.log_tail.count("its agent is Not Ready") == 2
            assert re.search(r"^/var/lib/kubelet +1\.0M +0$", error.log_tail, re.MULTILINE)
            assert rebooting not in error.last_seen
            assert cloud.console(GROUP, rebooting).count(f"preparing {rebooting}") == 2, "it went on after its reboot"
            for name in (unbootable, isolated):
                tell("machines", {"name": name, "state": "well"})
            expected = {node.name for node in known.nodes} - {full}
            assert joined(request.folder / "kubeconfig", expected, 60) == expected
            deployer.collect(request, tmp_path / "logs", soon(60))
        assert (tmp_path / "logs" / full / "console.log").stat().st_size > 1000
        assert cloud.groups({TAG_RUN: "test-ill"}) == []
