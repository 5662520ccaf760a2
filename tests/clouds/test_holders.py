from __future__ import annotations

import os
import subprocess
from pathlib import Path

from harness.clouds.holders import KEPT, Holders, started


def test_what_a_dead_process_held_is_let_go(tmp_path: Path) -> None:
    holders = Holders(tmp_path / "holders")
    mine = holders.add()
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / "holders" / f"{ended.pid}-1-abc").touch()
    (tmp_path / "holders" / f"{os.getpid()}-1-abc").touch()  # same id, earlier process
    assert holders.living() == [mine]
    holders.remove(mine)
    assert holders.living() == []


def test_kept_outlives_every_process(tmp_path: Path) -> None:
    holders = Holders(tmp_path)
    assert holders.add(kept=True) == KEPT
    assert holders.living() == [KEPT]


def test_zombie_counts_as_ended() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert started(child.pid) == ""
    child.wait()
    assert started(os.getpid())
