"""Components from checkouts, as a pull request to them is: the real sources of each, assembled as its repository lays them out.

The sources come from Go's module cache, as bench/gate.py has them. One is compiled, the cheapest; of the others every package that their
programs need has to be found, by the ``replace`` lines of their own go.mod.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from checkout import assemble_component, edit, git

from harness.builds import components
from harness.builds.api import Surroundings, silent
from harness.builds.cache import Cache
from harness.builds.components import CLOUD_PROVIDER, COREDNS, ETCD, FOLDERS, Component, Part
from harness.builds.toolchain import find_toolchain

pytestmark = pytest.mark.e2e


def chosen(component: Component, place: Path, cache: Path) -> Part:
    asked = (f"{component.name}=path:{place}",)
    (part,) = (part for part in components.choose(asked, Surroundings(cache)) if part.component.name == component.name)
    return part


@pytest.mark.parametrize("component", [CLOUD_PROVIDER, COREDNS, ETCD], ids=lambda component: component.name)
def test_a_checkout_is_named_by_its_content_and_has_all_its_programs_need(component: Component, tmp_path: Path) -> None:
    place = assemble_component(component, tmp_path / "checkout")
    part = chosen(component, place, tmp_path / "cache")
    assert part.version == component.version
    assert git(place, "rev-parse", "HEAD") in part.label
    assert part.label not in components.versions([Part(component)]).values()

    (place / "more.txt").write_text("not committed")
    changed = chosen(component, place, tmp_path / "cache")
    assert changed.version == f"{component.version}-dirty"
    assert changed.label != part.label

    assert changed.checkout is not None
    assert changed.revision is not None
    (tmp_path / "exported").mkdir()
    changed.checkout.export(changed.revision, tmp_path / "exported", without=("vendor",))
    packages = [package for _, package in component.programs]
    module = tmp_path / "exported" / FOLDERS.get(component.name, ".")
    listed = find_toolchain().run(
        ["list", "-deps", "-mod=readonly", "-f", "{{if not .Standard}}{{.ImportPath}} {{.Dir}}{{end}}", *packages],
        f"list the packages of {component.name}",
        cwd=module,
        timeout=300,
    )
    found = dict(line.split() for line in listed.splitlines())
    assert set(packages) <= found.keys()
    own = {name for name, folder in found.items() if Path(folder).is_relative_to(tmp_path / "exported")}
    assert set(packages) <= own
    if component is ETCD:
        assert {"go.etcd.io/etcd/api/v3/version", "go.etcd.io/etcd/pkg/v3/flags"} <= own, "beside server/, by replace"


def test_a_change_beside_the_module_is_in_the_program(tmp_path: Path) -> None:
    """etcd is compiled in ``server/``; its version stands in ``api/``, a module of its own that go.mod replaces by the folder."""
    place = assemble_component(ETCD, tmp_path / "checkout")
    version = ETCD.version.removeprefix("v")
    edit(place, "api/version/version.go", f'"{version}"', f'"{version}-changed"')
    part = chosen(ETCD, place, tmp_path / "cache")
    folder = components.component(Cache(tmp_path / "cache"), part, find_toolchain(), silent)
    assert [path.name for path in folder.iterdir()] == ["etcd"]
    said = subprocess.run([folder / "etcd", "--version"], capture_output=True, text=True, check=True, timeout=30)
    assert said.stdout.splitlines()[0] == f"etcd Version: {version}-changed"
