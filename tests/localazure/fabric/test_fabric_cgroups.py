"""Which control groups a machine gets, by how its host mounts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.localazure.fabric.cgroups import TOP, Hierarchies, Hierarchy


def mounted(*places: Path) -> tuple[Hierarchy, ...]:
    return tuple(Hierarchy(place, "cgroup", place.name) for place in places)


@pytest.mark.parametrize(
    ("places", "systemd", "unit"),
    [
        ((TOP,), True, True),
        ((TOP,), False, False),
        ((TOP / "memory", TOP / "unified"), True, False),
        ((TOP / "memory", TOP / "unified"), False, False),
    ],
    ids=["v2 with systemd", "v2 without", "hybrid with systemd", "hybrid without"],
)
def test_only_systemd_on_version_2_makes_units(places: tuple[Path, ...], systemd: bool, unit: bool) -> None:
    hierarchies = Hierarchies(mounted(*places), systemd)
    assert hierarchies.unit is unit
    expected = (TOP / "machine.slice/hz1234m1.service",) if unit else tuple(place / "hz1234m1" for place in places)
    assert hierarchies.folders("hz1234m1") == expected


def test_groups_are_found_by_name_and_removed_with_all_in_them(tmp_path: Path) -> None:
    places = (tmp_path / "memory", tmp_path / "pids")
    for place in places:
        (place / "hz1234m1/init.scope").mkdir(parents=True)
        (place / "hz9999m1").mkdir()
    (places[0] / "hz1234m1/init.scope/cgroup.procs").write_text("4711\n4712\n")
    hierarchies = Hierarchies(mounted(*places), systemd=False)
    assert hierarchies.named("hz1234m") == {"hz1234m1"}
    assert hierarchies.members("hz1234m1") == {4711, 4712}
    (places[0] / "hz1234m1/init.scope/cgroup.procs").unlink()
    assert hierarchies.clear("hz1234m1") == []
    assert hierarchies.named("hz") == {"hz9999m1"}


def test_a_unit_is_delegated_and_comes_back_when_its_machine_reboots() -> None:
    command = Hierarchies(mounted(TOP), systemd=True).unit_arguments("hz1234m1", 2, 4096, "show disks")
    assert command[0] == "systemd-run"
    assert {"--unit=hz1234m1", "--slice=machine.slice", "Delegate=yes", "MemoryMax=4096M", "CPUWeight=200"} <= set(
        command
    )
    assert {"RestartForceExitStatus=133", "ExecStartPost=show disks"} <= set(command)
