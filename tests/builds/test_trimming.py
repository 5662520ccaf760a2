"""The cache makes room: what was not used for longest goes, nothing that somebody may be using."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.builds.api import silent
from harness.builds.cache import Cache
from harness.builds.trimming import RECENT, trim

MIB = 1 << 20
NOW = 2_000_000_000.0


def made(cache: Cache, name: str, *, days: float, mib: int = 1, kind: str = "builds") -> Path:
    """A folder of the cache with one file, last used so many days ago."""

    def make(folder: Path) -> None:
        (folder / "below").mkdir()
        (folder / "below" / "file").write_bytes(os.urandom(mib * MIB))

    folder = cache.obtain(kind, name, make, silent)
    return used(folder, days)


def used(folder: Path, days: float) -> Path:
    os.utime(folder, (NOW - days * 86_400,) * 2)
    return folder


def left(cache: Cache) -> set[str]:
    return {path.name for path in cache.root.glob("*/*") if path.is_dir()}


def test_what_was_unused_longest_goes_until_there_is_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for days in (3, 9, 5, 7):
        made(cache, f"of-{days}", days=days)
    said: list[str] = []
    trim(cache, int(2.5 * MIB), said.append, now=NOW)
    assert left(cache) == {"of-3", "of-5"}
    assert said == [f"removed builds of-{days} from the cache: not used for {days} days" for days in (9, 7)]
    assert not list((tmp_path / "tmp").iterdir())


def test_below_the_limit_everything_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    made(cache, "old", days=900)
    trim(cache, 2 * MIB, silent, now=NOW)
    assert left(cache) == {"old"}


def test_what_was_used_within_a_day_stays_though_there_is_no_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    made(cache, "old", days=1.1)
    made(cache, "recent", days=0.9)
    trim(cache, 0, silent, now=NOW)
    assert RECENT == 86_400
    assert left(cache) == {"recent"}


def test_finding_is_using(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    folder = made(cache, "old", days=900)
    assert cache.find("builds", "old") == folder
    trim(cache, 0, silent)
    assert left(cache) == {"old"}


def test_a_folder_whose_files_others_have_frees_nothing_and_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    programs = made(cache, "shared", days=9, kind="programs")
    build = cache.obtain(
        "builds", "build", lambda folder: (folder / "f").hardlink_to(programs / "below" / "file"), silent
    )
    used(build, 0.5)
    trim(cache, 0, silent, now=NOW)
    assert left(cache) == {"shared", "build"}
    used(build, 5)
    made(cache, "other", days=3)
    trim(cache, 2 * MIB, silent, now=NOW)
    assert left(cache) == {"shared", "build", "other"}  # hard links are on disk once
    trim(cache, MIB + MIB // 2, silent, now=NOW)
    assert left(cache) == {"shared", "build"}


def test_what_somebody_is_making_again_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    made(cache, "locked", days=9)
    with cache.locked("builds", "locked", silent):
        trim(cache, 0, silent, now=NOW)
        assert left(cache) == {"locked"}
    trim(cache, 0, silent, now=NOW)
    assert left(cache) == set()


def test_what_was_found_at_the_last_moment_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    made(cache, "found", days=9)
    rename = Path.rename

    def just_before(path: Path, target: Path) -> Path:
        if path.name == "found":
            cache.find("builds", "found")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", just_before)
    trim(cache, 0, silent, now=NOW)
    assert left(cache) == {"found"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
@pytest.mark.parametrize("name", ["plain", "a space"])
def test_what_a_machine_stands_on_stays(tmp_path: Path, name: str) -> None:
    cache = Cache(tmp_path / name)
    folder = made(cache, "layer", days=9)
    made(cache, "layer-of-nobody", days=9)
    for part in ("root", "upper", "work"):
        (tmp_path / part).mkdir()
    options = f"lowerdir={folder / 'below'},upperdir={tmp_path / 'upper'},workdir={tmp_path / 'work'}"
    script = f'mount -t overlay -o "{options}" none "{tmp_path / "root"}" && echo mounted && read line'
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"mounted\n"
        trim(cache, 0, silent, now=NOW)
        assert left(cache) == {"layer"}
        process.communicate(b"\n")
    trim(cache, 0, silent, now=NOW)
    assert left(cache) == set()


def test_what_a_killed_one_put_aside_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (tmp_path / "tmp" / "removed-builds-old").mkdir(parents=True)
    trim(cache, MIB, silent, now=NOW)
    assert not list((tmp_path / "tmp").iterdir())
