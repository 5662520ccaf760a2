"""A folder of the cache is made once, complete or not at all."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.builds.cache import Cache, digest


def quiet(line: str) -> None:
    """No progress."""


def test_second_call_makes_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("x")

    first = cache.obtain("kind", "key", make, quiet)
    assert cache.obtain("kind", "key", make, quiet) == first == cache.find("kind", "key")
    assert (first / "file").read_text() == "x"
    assert len(made) == 1


def test_two_at_once_make_one(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        time.sleep(0.1)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: Cache(tmp_path).obtain("kind", "key", make, quiet), range(4)))
    assert len(made) == 1
    assert len(set(found)) == 1


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def make(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.obtain("kind", "key", make, quiet)
    assert cache.find("kind", "key") is None
    assert list((tmp_path / "tmp").iterdir()) == []


def test_killed_maker_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    program = (
        "import sys, os, signal, pathlib\n"
        "from harness.builds.cache import Cache\n"
        "def make(folder):\n"
        "    (folder / 'half').write_text('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Cache(pathlib.Path(sys.argv[1])).obtain('kind', 'key', make, print)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, tmp_path], check=False, timeout=60)
    assert killed.returncode == -9
    assert Cache(tmp_path).find("kind", "key") is None

    def make(folder: Path) -> None:
        assert list(folder.iterdir()) == []
        (folder / "whole").write_text("x")

    made = Cache(tmp_path).obtain("kind", "key", make, quiet)
    assert [path.name for path in made.iterdir()] == ["whole"]


def test_part_joins_a_finished_folder(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    folder = cache.obtain("kind", "key", lambda folder: None, quiet)
    part = cache.inside(folder, "part", lambda target: target.mkdir(), quiet)
    assert part == folder / "part"
    assert cache.inside(folder, "part", lambda target: pytest.fail("made again"), quiet) == part


def test_digest_is_stable_and_tells_apart() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest(["a", "b"]) != digest(["ab"])
