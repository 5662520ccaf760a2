"""Machines that are not well: what does not work any more on a real one, what still does, and that it can be made well again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fabric_lab import PATIENCE, PUBLIC, TCP_PORT, Lab, address, network, nic, rule
from machine_lab import booted, machine, output

from harness.errors import CloudError
from harness.localazure.fabric.api import Condition
from harness.localazure.fabric.linux import LinuxFabric

pytestmark = pytest.mark.root
_BOOT = "/proc/sys/kernel/random/boot_id"


async def says(fabric: LinuxFabric, script: str) -> str:
    """What a script prints in the machine, whatever its exit code; empty while it cannot run there."""
    try:
        _, text = await fabric.run_command("vm1", ("/bin/sh", "-c", script), 10 * PATIENCE)
    except CloudError:
        return ""
    return text.decode().strip()


async def rebooted(lab: Lab, before: str) -> None:
    async def other() -> bool:
        found = await says(lab.fabric, f"cat {_BOOT}")
        return len(found) == len(before) and found != before  # else it is what kept the command from running

    await lab.until(other, 120)


async def given_up(lab: Lab) -> None:
    """Wait until the machine's system has come as far as it ever will; it ran nothing of what a boot runs."""

    async def stuck() -> bool:
        return (
            await says(lab.fabric, "systemctl is-active emergency.target; systemctl list-jobs")
            == "active\nNo jobs running."
        )

    await lab.until(stuck, 20)
    assert await says(lab.fabric, "systemctl is-active multi-user.target") == "inactive"
    assert await says(lab.fabric, "ls /root/booted /root/written 2>/dev/null") == ""


def test_a_machine_that_does_not_boot_stays_so_until_it_is_made_well(lab: Lab, image: Path) -> None:
    async def scenario() -> None:
        fabric = lab.fabric
        await fabric.start()
        plan = machine(image, condition=Condition.UNBOOTABLE)
        await fabric.start_machine(plan)
        await given_up(lab)
        assert b"emergency" in fabric.console("vm1").read_bytes().lower()
        before = await says(fabric, f"cat {_BOOT}")
        await fabric.reboot_machine("vm1", 0)
        await rebooted(lab, before)
        await given_up(lab)
        await fabric.stop_machine("vm1", hard=False)
        await fabric.start_machine(plan)
        await given_up(lab)
        await fabric.stop_machine("vm1", hard=True)
        await fabric.start_machine(machine(image))
        await booted(fabric, "vm1")
        await fabric.stop()

    asyncio.run(scenario())


def test_nothing_gets_into_or_out_of_a_machine_without_network(lab: Lab) -> None:
    async def scenario() -> None:
        fabric = lab.fabric
        well = network(rule(members=(1,)), nics=(nic(1), nic(2)))
        lost = network(rule(members=(1,)), nics=(nic(1, lost=True), nic(2)))
        await fabric.start()
        await fabric.apply_network(well)
        lab.serve(1, 2, frontends=(PUBLIC,))
        await lab.healthy(1)
        before = await lab.connect(address(1), space="vm2")
        assert (await lab.say(*before)).startswith("vm1")
        await fabric.apply_network(lost)
        await lab.healthy(0)
        assert await lab.unreachable(address(1), space="vm2")
        assert await lab.unreachable(address(2), space="vm1")
        assert await lab.unreachable(PUBLIC)
        before[1].write(b"?\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await before[0].readline()
        assert (await lab.ask(address(1), space="vm1")).startswith("vm1"), "what stays in the machine is not lost"
        assert (await lab.ask(address(2), space="vm2")).startswith("vm2")
        await fabric.apply_network(well)
        assert (await before[0].readline()).decode().startswith("vm1"), "what was sent meanwhile is sent again"
        before[1].close()
        await lab.healthy(1)
        assert (await lab.ask(PUBLIC, TCP_PORT)).startswith("vm1")
        await fabric.stop()

    asyncio.run(scenario())


def test_what_is_on_a_full_disk_can_be_read_and_nothing_more_be_written(lab: Lab, image: Path) -> None:
    full, snapshots = "No space left on device", "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"

    async def is_full() -> None:
        for place in ("/var/lib/kubelet", "/var/log", "/var/lib/etcd"):
            assert full in await says(lab.fabric, f"echo more | tee {place}/new")
            assert await says(lab.fabric, f"df --output=avail {place} | tail -n 1") == "0"
        assert full in await says(lab.fabric, f"mkdir {snapshots}/new")

    async def scenario() -> None:
        fabric = lab.fabric
        await fabric.start()
        await fabric.start_machine(machine(image))
        await booted(fabric, "vm1")
        await output(
            fabric,
            "vm1",
            "sh",
            "-c",
            f"mkdir -p {snapshots}/1 && echo kept | tee /var/lib/kubelet/a /var/lib/kubelet/b",
        )
        await fabric.start_machine(machine(image, condition=Condition.FULL))
        await is_full()
        assert await output(fabric, "vm1", "cat", "/var/lib/kubelet/a") == "kept"
        assert full in await says(fabric, "echo more | tee -a /var/lib/kubelet/a")
        await output(fabric, "vm1", "rm", "/var/lib/kubelet/b")
        await output(fabric, "vm1", "ls", "-d", f"{snapshots}/1")
        await output(fabric, "vm1", "sh", "-c", "echo elsewhere > /root/file")
        before = await says(fabric, f"cat {_BOOT}")
        await fabric.reboot_machine("vm1", 0)
        await rebooted(lab, before)
        await fabric.start_machine(machine(image, condition=Condition.FULL))  # as a server does that comes back
        await is_full()
        await fabric.start_machine(machine(image))
        await output(fabric, "vm1", "sh", "-c", f"echo more >> /var/lib/kubelet/a && mkdir {snapshots}/2")
        assert await output(fabric, "vm1", "cat", "/var/lib/kubelet/a") == "kept\nmore"
        assert "full-disk" not in await says(fabric, "cat /proc/self/mounts")
        await fabric.stop()

    asyncio.run(scenario())


def test_a_disk_is_full_from_the_first_boot_on(lab: Lab, image: Path) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.start_machine(machine(image, condition=Condition.FULL))
        await booted(lab.fabric, "vm1")
        assert "No space left" in await says(lab.fabric, "echo more | tee /var/lib/kubelet/new")
        mounts = await says(lab.fabric, "grep -c ^full-disk /proc/self/mounts")
        assert mounts == "5", "one a folder, though the launcher and the fabric both see to it"
        await lab.fabric.stop()

    asyncio.run(scenario())


def test_a_machine_reboots_itself_when_it_is_told_to(lab: Lab, image: Path) -> None:
    async def scenario() -> None:
        await lab.fabric.start()
        await lab.fabric.start_machine(machine(image))
        await booted(lab.fabric, "vm1")  # what a reboot cuts off in cloud-init is not done again
        await lab.fabric.reboot_machine("vm1", 1)
        before = await output(lab.fabric, "vm1", "cat", _BOOT)
        await rebooted(lab, before)
        await booted(lab.fabric, "vm1")
        assert await output(lab.fabric, "vm1", "cat", "/root/booted") == "node-1"
        await lab.fabric.stop()

    asyncio.run(scenario())
