"""What a host may lack, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.runs.host import PROGRAMS, Check, Host, examine, preflight
from harness.settings import Settings

FILES = {
    "/proc/filesystems": "nodev\tsysfs\nnodev\toverlay\n",
    "/proc/devices": "Block devices:\n  7 loop\n",
    "/proc/sys/net/bridge/bridge-nf-call-iptables": "1\n",
    "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "/proc/meminfo": "MemAvailable:   16000000 kB\n",
}
GOOD = Host(
    euid=lambda: 0,
    which=lambda name: f"/usr/bin/{name}",
    run=lambda argv: "",
    free=lambda path: 100 * 1024**3,
    read=lambda path: FILES.get(path, ""),
    go=lambda: Check("go", True, "go1.26.8"),
)


def without(path: str, text: str = "") -> Host:
    return replace(
        GOOD,
        read=lambda asked: text if asked == path else FILES.get(asked, ""),
        run=lambda argv: "no such module" if argv[0] == "modprobe" else "",
    )


def test_a_good_host_has_nothing_to_complain_about(settings: Settings) -> None:
    assert [check for check in examine(settings, GOOD) if not check.ok] == []
    preflight(settings, GOOD)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (replace(GOOD, euid=lambda: 1000), ["root", "sudo"]),
        (without("/proc/filesystems"), ["overlay", "modprobe overlay"]),
        (without("/proc/devices"), ["loop", "modprobe loop"]),
        (without("/proc/sys/net/bridge/bridge-nf-call-iptables"), ["bridge filter", "modprobe br_netfilter"]),
        (replace(GOOD, run=lambda argv: "Operation not supported"), ["nftables", "Operation not supported"]),
        (
            replace(GOOD, which=lambda name: None if name == "nft" else name),
            ["nft is not installed", "apt-get install"],
        ),
        (replace(GOOD, which=lambda name: None if name == "mmdebstrap" else name), ["apt-get install mmdebstrap"]),
        (without("/sys/fs/cgroup/cgroup.controllers", "cpu pids"), ["v2, without cpuset, memory"]),
        (replace(GOOD, free=lambda path: 1024**3), ["room for cache", "only 1.0 GiB free", "--cache"]),
        (replace(GOOD, go=lambda: Check("go", False, "go1.19", "scripts/setup", fatal=True)), ["go1.19"]),
    ],
)
def test_what_is_missing_is_one_line_with_its_remedy(settings: Settings, host: Host, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        preflight(settings, host)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/proc/filesystems", "overlay"),
        ("/proc/devices", "loop devices"),
        ("/proc/sys/net/bridge/bridge-nf-call-iptables", "bridge filter"),
    ],
)
def test_what_is_a_module_not_yet_loaded_is_there(settings: Settings, path: str, name: str) -> None:
    host = replace(without(path), run=lambda argv: "")
    preflight(settings, host)
    assert next(check for check in examine(settings, host) if check.name == name).found == "yes, as a module"


def test_a_run_on_azure_asks_less_of_the_host(settings: Settings) -> None:
    preflight(settings.changed(cloud="azure"), replace(GOOD, euid=lambda: 1000, which=lambda name: None))


def test_control_groups_of_version_1_are_found(settings: Settings) -> None:
    legacy = "#subsys_name\thierarchy\ncpuset\t1\ncpu\t2\nmemory\t3\npids\t4\n"
    host = replace(
        GOOD,
        read=lambda path: {"/sys/fs/cgroup/cgroup.controllers": "", "/proc/cgroups": legacy}.get(
            path, FILES.get(path, "")
        ),
    )
    assert next(check for check in examine(settings, host) if check.name == "control groups").found == "v1"


def test_every_package_that_a_run_needs_is_installed_by_setup() -> None:
    script = (Path(__file__).parents[2] / "scripts" / "setup").read_text()
    assert [package for package in PROGRAMS.values() if f"\n{package} " not in script] == []
