"""Cutting off what has no machine's process any more: only its groups say what belongs to it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fabric_lab import Lab

from harness.localazure.fabric import host, namespaces
from harness.localazure.fabric.cgroups import Hierarchies
from harness.localazure.fabric.machines import cut_off

_GENERATIONS = """
import os, pathlib, sys, time
for folder in sys.argv[1:]:
    pathlib.Path(folder, "cgroup.procs").write_text("0")
print("ready", flush=True)
for _ in range(1000):
    if os.fork():
        os._exit(0)
time.sleep(60)
"""


@pytest.mark.root
def test_processes_that_fork_while_they_are_killed_are_killed_too(lab: Lab) -> None:
    name = lab.names.machine("forking")
    hierarchies = Hierarchies.of_host()
    if hierarchies.unit:
        pytest.skip("here systemd kills what is in a unit")
    groups = [group["folder"] for group in hierarchies.make(name, 1, 512)]
    with subprocess.Popen([sys.executable, "-c", _GENERATIONS, *groups], stdout=subprocess.PIPE) as first:
        assert first.stdout
        first.stdout.readline()
        cut_off(name, None, hierarchies)
    assert not hierarchies.members(name)
    assert not any(folder.exists() for folder in hierarchies.folders(name))


@pytest.mark.root
def test_a_launcher_whose_server_was_killed_does_not_outlive_the_next_servers_start(lab: Lab) -> None:
    if Hierarchies.of_host().unit:
        pytest.skip("here systemd starts no unit twice")
    fabric = lab.fabric
    asyncio.run(fabric.start())
    spec = lab.state / "fabric" / "machines" / "vm1" / "spec.json"
    with subprocess.Popen([sys.executable, "-c", "input()", str(spec)], stdin=subprocess.PIPE) as launcher:
        asyncio.run(fabric.start())
        assert launcher.wait(5) == -signal.SIGKILL
    asyncio.run(fabric.clear())


@pytest.mark.root
def test_the_last_fabric_undoes_the_mount_of_the_hosts_first_namespace(lab: Lab) -> None:
    fabric = lab.fabric
    asyncio.run(fabric.start())
    namespaces.create([lab.names.network("net")])
    assert str(namespaces.FOLDER) in mounts()
    asyncio.run(fabric.clear())
    claimed = host.USERS.exists()  # by others that work beside this test, who need the mount
    assert (str(namespaces.FOLDER) in mounts()) == (claimed or any(namespaces.FOLDER.iterdir()))


def mounts() -> set[str]:
    return {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()}
