"""Machines and disks: a real Debian boots, runs cloud-init, keeps its disks and outlives its server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fabric_lab import PATIENCE, Lab, address, network, nic
from machine_lab import booted, machine, output

from harness.errors import CloudError
from harness.localazure.fabric.api import DataDisk, DiskPlan, MachineState
from harness.localazure.fabric.linux import LinuxFabric
from harness.localazure.fabric.machines import family
from harness.localazure.fabric.processes import Process
from harness.localazure.fabric.sweep import sweep_host

pytestmark = pytest.mark.root


def remains(lab: Lab) -> list[str]:
    """What a fabric could leave on a host, as far as it bears its names; other fabrics may work beside it."""
    commands = [
        ("ip", "netns", "list"),
        ("ip", "-br", "link"),
        ("ip", "route", "show", "table", "all"),
        ("losetup", "-a"),
        ("ps", "-eo", "stat,args"),
    ]
    lines = [line for argv in commands for line in lab.run(*argv).splitlines()]
    lines += Path("/proc/self/mounts").read_text().splitlines()
    lines += map(str, [*Path("/sys/fs/cgroup").glob("*/*"), *Path("/run/systemd/nspawn").glob("*/*")])
    return [line for line in lines if lab.names.prefix in line or f"{lab.state}/" in line]


@pytest.fixture
def clean(lab: Lab) -> Iterator[None]:
    """The test must leave the host as it was by itself, before the laboratory sweeps."""
    yield
    assert not remains(lab)
    assert not (lab.state / "fabric").exists()


def test_machine_boots_runs_cloud_init_and_leaves_nothing(lab: Lab, image: Path, clean: None) -> None:
    async def scenario() -> None:
        fabric = lab.fabric
        await fabric.start()
        await fabric.apply_network(network(nics=(nic(1), nic(2))))
        await asyncio.gather(*(fabric.start_machine(machine(image, number)) for number in (1, 2)))
        began = time.monotonic()
        await asyncio.gather(booted(fabric, "vm1"), booted(fabric, "vm2"))
        assert time.monotonic() - began < 15 * PATIENCE
        assert await output(fabric, "vm1", "cat", "/root/booted") == "node-1"
        assert await output(fabric, "vm1", "cat", "/root/written") == "by cloud-init"
        assert await output(fabric, "vm1", "cat", "/proc/sys/net/ipv4/ip_forward") == "1"
        assert await output(fabric, "vm1", "cat", "/etc/machine-id") != await output(
            fabric, "vm2", "cat", "/etc/machine-id"
        )
        await output(fabric, "vm1", "systemctl", "is-system-running", "--wait")
        # The kernel's interfaces are the machine's own and writable; groups are not shared between machines.
        await output(fabric, "vm1", "sh", "-c", "mkdir /sys/fs/cgroup/memory/mine || mkdir /sys/fs/cgroup/mine")
        assert (
            await fabric.run_command(
                "vm2", ("sh", "-c", "ls -d /sys/fs/cgroup/mine /sys/fs/cgroup/*/mine"), 10 * PATIENCE
            )
        )[0]
        assert await fabric.machine_state("vm1") is MachineState.RUNNING
        assert b"Debian" in fabric.console("vm1").read_bytes()
        await fabric.remove_machine("vm1")
        assert await fabric.machine_state("vm1") is MachineState.ABSENT
        await fabric.clear()

    asyncio.run(scenario())


def test_seeds_are_shared_but_for_databases(lab: Lab, image: Path) -> None:
    async def scenario() -> None:
        fabric = lab.fabric
        await fabric.start()
        await fabric.start_machine(machine(image))
        await output(
            fabric, "vm1", "sh", "-c", "echo changed > /var/lib/containerd/inner/state.db; touch /var/lib/kubelet/x"
        )
        assert (image / "store/inner/state.db").read_text() == "seed"
        clone = lab.state / "fabric/machines/vm1/volumes/var/lib/containerd/inner"
        assert (clone / "shared").stat().st_nlink > 1
        assert (clone / "state.db").read_text() == "changed\n"
        await fabric.stop()

    asyncio.run(scenario())


def test_stop_and_start_keep_root_disks_and_addresses(lab: Lab, image: Path, clean: None) -> None:
    async def scenario() -> None:
        fabric = lab.fabric
        await fabric.start()
        await fabric.apply_network(network(nics=(nic(1),)))
        await fabric.ensure_disk(DiskPlan("d1", 1))
        await fabric.ensure_disk(DiskPlan("d2", 1))
        plan = machine(image, disks=(DataDisk(0, "d1"),))
        await fabric.start_machine(plan)
        lun = "/dev/disk/azure/scsi1/lun0"
        await output(fabric, "vm1", "sh", "-c", f"mkfs.ext4 -q {lun} && mount {lun} /mnt && echo kept > /mnt/file")
        await fabric.attach_disks("vm1", (DataDisk(0, "d1"), DataDisk(3, "d2")))
        assert await output(fabric, "vm1", "blockdev", "--getsize64", "/dev/disk/azure/scsi1/lun3") == str(1024**3)
        await fabric.ensure_disk(DiskPlan("d2", 2))
        assert await output(fabric, "vm1", "blockdev", "--getsize64", "/dev/disk/azure/scsi1/lun3") == str(2 * 1024**3)
        with pytest.raises(CloudError, match="cannot shrink"):
            await fabric.ensure_disk(DiskPlan("d2", 1))
        with pytest.raises(CloudError, match="attached to machine vm1"):
            await fabric.remove_disk("d2")
        await output(fabric, "vm1", "sh", "-c", "echo mine > /root/file")
        await fabric.stop_machine("vm1", hard=False)
        assert await fabric.machine_state("vm1") is MachineState.STOPPED
        with pytest.raises(CloudError, match="start it first"):
            await fabric.run_command("vm1", ("true",), 5)
        await fabric.start_machine(machine(image, disks=(DataDisk(0, "d1"), DataDisk(3, "d2"))))
        assert await output(fabric, "vm1", "cat", "/root/file") == "mine"
        assert await output(fabric, "vm1", "sh", "-c", f"mount {lun} /mnt && cat /mnt/file && umount /mnt") == "kept"
        assert str(address(1)) in await output(fabric, "vm1", "ip", "addr", "show", "eth0")
        await fabric.attach_disks("vm1", (DataDisk(0, "d1"),))
        assert (await fabric.run_command("vm1", ("ls", "/dev/disk/azure/scsi1/lun3"), 5 * PATIENCE))[0]
        await fabric.remove_disk("d2")
        await fabric.ensure_disk(DiskPlan("d3", 1, copy_of="d1"))
        await fabric.stop_machine("vm1", hard=True)
        await fabric.remove_machine("vm1")
        assert str(lab.state) not in lab.run("losetup", "-a")
        await fabric.clear()

    asyncio.run(scenario())


_SERVER = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {path!r}
import test_fabric_machines as tests
from fabric_lab import network, nic
from harness.localazure.fabric.linux import LinuxFabric

async def main():
    fabric = LinuxFabric(Path(sys.argv[1]))
    await fabric.start()
    await fabric.apply_network(network(nics=(nic(1),)))
    await fabric.start_machine(tests.machine(Path(sys.argv[2])))
    print("up", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_machine_outlives_its_server(lab: Lab, image: Path, clean: None) -> None:
    program = _SERVER.format(path=[str(Path(__file__).parent), *sys.path])
    server = subprocess.Popen(
        [sys.executable, "-c", program, str(lab.state), str(image)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout
    assert server.stdout.readline() == "up\n"
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server.stdout.close()

    async def scenario() -> None:
        fabric = lab.fabric
        await fabric.start()
        assert await fabric.machine_state("vm1") is MachineState.RUNNING
        before = lab.state.joinpath("fabric/machines/vm1/pid").read_text()
        await fabric.apply_network(network(nics=(nic(1),)))
        await fabric.start_machine(machine(image))
        assert lab.state.joinpath("fabric/machines/vm1/pid").read_text() == before
        await booted(fabric, "vm1")
        await fabric.stop()

    asyncio.run(scenario())
    sweep_host(lab.state)


def test_removing_a_network_of_three_machines_is_fast(lab: Lab, image: Path) -> None:
    async def scenario() -> None:
        fabric = lab.fabric
        await fabric.start()
        await fabric.apply_network(network())
        numbers = (1, 2, 3)
        await asyncio.gather(*(fabric.start_machine(machine(image, number)) for number in numbers))
        await asyncio.gather(*(booted(fabric, f"vm{number}") for number in numbers))
        began = time.monotonic()
        await asyncio.gather(*(fabric.remove_machine(f"vm{number}") for number in numbers))
        await fabric.remove_network("net")
        taken = time.monotonic() - began
        assert taken < 3 * PATIENCE, f"{taken:.1f} s; 1 is the aim on an idle host"
        await fabric.stop()

    asyncio.run(scenario())


def test_image_that_is_not_there_is_said_so(lab: Lab, tmp_path: Path) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        with pytest.raises(CloudError, match=r"image\.json must be as `harness build` writes it"):
            await lab.fabric.start_machine(machine(tmp_path / "none"))
        assert await lab.fabric.machine_state("vm1") is MachineState.ABSENT
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_command_that_hangs_is_cut_off(lab: Lab, image: Path) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.start_machine(machine(image))
        with pytest.raises(CloudError, match="waited for its end"):
            await lab.fabric.run_command("vm1", ("sleep", "71"), 0.5)
        code, listing = await lab.fabric.run_command(
            "vm1", ("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), 5 * PATIENCE
        )
        assert code == 0
        assert b"sleep 71" not in listing
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_machine_that_reboots_itself_comes_back_with_its_disks(lab: Lab, image: Path, clean: None) -> None:
    async def scenario() -> None:
        fabric = lab.fabric
        await fabric.start()
        await fabric.ensure_disk(DiskPlan("d1", 1))
        await fabric.start_machine(machine(image, disks=(DataDisk(5, "d1"),)))
        await booted(fabric, "vm1")
        before = await output(fabric, "vm1", "cat", "/proc/sys/kernel/random/boot_id")
        await fabric.run_command("vm1", ("systemctl", "reboot"), 10 * PATIENCE)

        async def back() -> bool:
            try:
                code, text = await fabric.run_command("vm1", ("cat", "/proc/sys/kernel/random/boot_id"), 10 * PATIENCE)
            except CloudError:
                return False
            return code == 0 and text.decode().strip() not in ("", before)

        await lab.until(back, 15)
        assert await fabric.machine_state("vm1") is MachineState.RUNNING
        await output(fabric, "vm1", "test", "-b", "/dev/disk/azure/scsi1/lun5")
        await fabric.clear()

    asyncio.run(scenario())


async def networked(lab: Lab, image: Path) -> LinuxFabric:
    """The lab's fabric, started, with a machine in a network that has booted."""
    await lab.fabric.start()
    await lab.fabric.apply_network(network(nics=(nic(1),)))
    await lab.fabric.start_machine(machine(image))
    await booted(lab.fabric, "vm1")
    return lab.fabric


@pytest.mark.parametrize("delay", [0.1, 0.25, 0.5])
def test_server_killed_at_any_moment_is_repaired_by_the_next(lab: Lab, image: Path, clean: None, delay: float) -> None:
    program = _SERVER.format(path=[str(Path(__file__).parent), *sys.path]).replace(
        "async def main():", "print('ready', flush=True)\n\nasync def main():"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program, str(lab.state), str(image)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout
    assert server.stdout.readline() == "ready\n"
    time.sleep(delay)
    server.kill()
    server.wait()
    server.stdout.close()

    async def scenario() -> None:
        fabric = await networked(lab, image)
        assert str(address(1)) in await output(fabric, "vm1", "ip", "addr", "show", "eth0")
        await fabric.clear()

    asyncio.run(scenario())


_STOPPING = """
import asyncio, sys
from pathlib import Path
from harness.localazure.fabric.linux import LinuxFabric

async def main():
    fabric = LinuxFabric(Path(sys.argv[1]))
    await fabric.start()
    await fabric.stop_machine("vm1", hard=sys.argv[2] == "hard")

asyncio.run(main())
"""


@pytest.mark.parametrize("way", ["hard", "in order"])
def test_machine_that_was_going_down_when_its_server_died_boots_again(
    lab: Lab, image: Path, clean: None, way: str
) -> None:
    async def scenario() -> None:
        fabric = await networked(lab, image)
        before = await output(fabric, "vm1", "cat", "/proc/sys/kernel/random/boot_id")
        outermost, *_, init = family(Process.read(lab.state / "fabric/machines/vm1/pid"))
        if way == "hard":
            outermost.send(signal.SIGSTOP)  # a moment that lasts
        else:
            slow = ("--unit=slow", "--property=ExecStop=sleep 60", "sleep", "infinity")
            await output(fabric, "vm1", "systemd-run", *slow)

        async def going() -> bool:
            if way == "hard":
                return init.ending()
            _, state = await fabric.run_command("vm1", ("systemctl", "is-system-running"), 10 * PATIENCE)
            return state.strip() == b"stopping"

        server = await asyncio.create_subprocess_exec(sys.executable, "-c", _STOPPING, str(lab.state), way)
        await lab.until(going, 15)
        server.kill()
        await server.wait()
        asyncio.get_running_loop().call_later(1.0, outermost.send, signal.SIGCONT)
        await fabric.start_machine(machine(image))
        await booted(fabric, "vm1")
        assert await output(fabric, "vm1", "cat", "/proc/sys/kernel/random/boot_id") != before
        await fabric.clear()

    asyncio.run(scenario())


def test_init_process_that_was_killed_is_ending_while_it_waits_for_others_of_its_machine() -> None:
    with subprocess.Popen(["unshare", "--pid", "--fork", "sleep", "60"]) as outer:
        init = child(outer.pid)
        # What entered the namespace is waited for by who started it; the first process stays for as long.
        with subprocess.Popen(["nsenter", f"--target={init.pid}", "--pid", "sleep", "60"]) as entered:
            child(entered.pid)
            assert init.alive()
            assert not init.ending()
            entered.send_signal(signal.SIGSTOP)
            init.send(signal.SIGKILL)
            until(init.ending)
            assert init.alive()
            entered.send_signal(signal.SIGCONT)
    assert init.ending()
    assert not init.alive()


def child(pid: int) -> Process:
    """The process that was started to run ``sleep``, once it does."""
    parent = Process.of(pid)
    assert parent
    until(lambda: [found.command() for found in parent.children()] == ["sleep"])
    return parent.children()[0]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5 * PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
