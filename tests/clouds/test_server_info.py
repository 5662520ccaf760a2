"""Whose server it is that server.json speaks of."""

from __future__ import annotations

import json
import os
from pathlib import Path

from harness.clouds.holders import started
from harness.clouds.server import LocalServer, ServerInfo


def write(folder: Path, **told: object) -> ServerInfo:
    facts = dict.fromkeys(ServerInfo.__dataclass_fields__, "http://127.0.0.1:1") | told
    (folder / "server.json").write_text(json.dumps(facts))
    info = ServerInfo.read(folder / "server.json")
    assert info is not None
    return info


def test_a_process_that_got_the_id_of_a_dead_server_is_not_taken_for_it(tmp_path: Path) -> None:
    mine = int(started(os.getpid()))
    assert write(tmp_path, pid=os.getpid(), pid_started=mine).alive
    assert not write(tmp_path, pid=os.getpid(), pid_started=mine - 1).alive
    assert LocalServer(tmp_path).running() is None


def test_half_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"pid": 1, "http": ')
    assert ServerInfo.read(tmp_path / "server.json") is None
