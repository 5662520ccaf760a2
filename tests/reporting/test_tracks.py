"""Names by which Jenkins and the history know a cell: those of today's plan are those of tomorrow's, whatever its sources resolve to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from builds import trees
from builds.sources.mirror import Server, serving

from harness.builds.sources.release import PROGRAMS
from harness.reporting.junit.names import tracks, unique
from harness.runs.api import Plan
from harness.runs.folder import RunFolder
from harness.runs.parts import Parts
from harness.runs.plan import load_plan, make_plan, save_plan
from harness.settings import Settings, load

from .synthetic import result

ALPHAS = ("v1.38.0-alpha.1.42+0123456789abcd", "v1.38.0-alpha.1.97+abcdef01234567")


@dataclass
class Upstream:
    """A mirror whose markers move, and repositories whose branches do."""

    mirror: Server
    place: Path
    day: int = 0

    def publish(self, version: str, folder: str, *markers: str) -> None:
        programs = {name: f"{name} {version}".encode() for name in PROGRAMS}
        self.mirror.publish(f"{folder}/{version}", programs, version.encode(), {"go.mod": "module k8s.io/kubernetes\n"})
        for marker in markers:
            self.mirror.mark(f"{folder}/{marker}.txt", version)

    def commit(self, name: str) -> None:
        """One commit more on both branches of a repository."""
        folder = self.place / name
        if not folder.exists():
            trees.repository(folder, trees.files())
            trees.git(folder, "branch", "release-1.37")
        for branch in ("release-1.37", "master"):
            trees.git(folder, "switch", "--quiet", branch)
            (folder / "day").write_text(f"{branch} {self.day}")
            trees.commit(folder, "more")

    def next(self) -> None:
        """Another day: every marker and every branch has moved."""
        self.publish(ALPHAS[self.day], "ci", "latest", "latest-1.38")
        self.publish(f"v1.37.{self.day + 2}", "release", "stable", "stable-1.37")
        self.publish("v1.37.2", "release")
        for name in ("a", "b"):
            self.commit(name)
        self.day += 1


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    (tmp_path / "suites/volumes").mkdir(parents=True)
    (tmp_path / "suites/volumes/test_it.py").touch()
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path / "mirror") as mirror:
        found = Upstream(mirror, tmp_path)
        found.next()
        yield found


def settings_of(upstream: Upstream, *sources: str) -> Settings:
    flags = {"source": sources, "release_mirror": upstream.mirror.url, "cache": "cache", "reports": "reports"}
    return load(flags, {"USER": "me"}, upstream.place)


def plan_of(upstream: Upstream, *sources: str, clusters: int = 1) -> Plan:
    """What a run of today would do."""
    return make_plan(settings_of(upstream, *sources).changed(clusters=clusters), Parts(), upstream.place)


def test_a_cell_is_named_by_what_was_asked_for(upstream: Upstream) -> None:
    expected = {
        "release:v1.37.2": "v1_37_2",
        "release:stable": "release-stable",
        "ci:latest": "ci-latest",
        "git:a@release-1.37": "git-release-1_37",
        "git:a@refs/heads/master": "git",
        "path:a": "path",
    }
    today = {source: plan_of(upstream, source).cells for source in expected}
    upstream.next()
    tomorrow = {source: plan_of(upstream, source).cells for source in expected}
    moved = [source for source in expected if today[source][0].name != tomorrow[source][0].name]
    assert moved == [source for source in expected if source != "release:v1.37.2"], "else this shows nothing"
    for source, name in expected.items():
        for cells in (today[source], tomorrow[source]):
            assert list(tracks(cells).values()) == [f"{name}-kubeadm-westeurope"]


@pytest.mark.parametrize(
    "sources",
    [
        ("git:a@refs/heads/master", "git:a@refs/heads/release-1.37"),
        ("git:a@master", "git:b@master"),
        ("path:a", "path:b"),
        ("ci:latest", "ci:latest-1.38"),
        ("release:stable", "release:v1.37.2", "release:v1.37.3"),
    ],
)
def test_cells_of_one_run_have_names_of_their_own_which_stay(upstream: Upstream, sources: tuple[str, ...]) -> None:
    def names(*asked: str) -> list[str]:
        plan = plan_of(upstream, *asked, clusters=2)
        found = tracks(plan.cells)
        return [found[cell.name] for cell in plan.cells]

    upstream.publish("v1.37.3", "release")
    today = names(*sources)
    assert len(set(today)) == 2 * len(sources)
    upstream.next()
    assert names(*sources) == today
    assert sorted(names(*sources[::-1])) == sorted(today)


def test_a_saved_plan_keeps_the_name_and_an_older_one_has_what_it_had(upstream: Upstream) -> None:
    settings = settings_of(upstream, "ci:latest")
    plan = make_plan(settings, Parts(), upstream.place)
    folder = RunFolder.create(settings.reports, plan.run)
    save_plan(folder, settings, plan)
    assert load_plan(folder)[1] == plan
    raw = json.loads(folder.plan.read_text())
    del raw["plan"]["cells"][0]["asked"]
    folder.plan.write_text(json.dumps(raw))
    (older,) = load_plan(folder)[1].cells
    assert older.asked == ""
    assert tracks([older])[older.name].startswith("ci-v1_38_0-alpha_1_42+")


def test_the_mark_of_a_second_test_of_one_name_is_not_made_of_the_version() -> None:
    def names(version: str) -> list[str]:
        cell = f"{version}-kubeadm-westeurope"
        places = (f"test_a.py::test_it[{cell}-1]", f"test_a.py::test_it[{cell}-2]")
        return unique([result("it", nodeid=place, cell=cell) for place in places])

    assert len(set(names("v1.37.2"))) == 2
    assert names("v1.37.2") == names("v1.37.3")
