"""A supervised run whose deployer, and whose failing test, tell every secret there is: none is in anything that it leaves.

Everything is real but machines: the command, its supervisor, pytest with a worker, local Azure's server in a process of its own.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.redact.shapes import BLANK
from harness.reporting import junit
from harness.reporting.junit.api import PORTABLE
from harness.reporting.model import load

from . import telling_path
from .killing import PATIENCE, Staged
from .staged import SILENT

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the checks before a run on the local cloud ask for root"),
]
SUITE = """
import logging, sys
from pathlib import Path

import pytest
from telling import MARK, command_lines, told


@pytest.fixture
def words(cluster):
    text = told(cluster.kubeconfig.parent)
    yield text
    assert not "at teardown", text


def test_tells(cluster, words, record_property):
    (cluster.kubeconfig.parent / "logs").mkdir(exist_ok=True)
    (cluster.kubeconfig.parent / "logs" / "e2e-gw0.log").write_text(words)  # as e2e.test does, which masks nothing
    Path("command-lines.txt").write_text("\\n".join(command_lines()))
    print(words)
    print(words, file=sys.stderr)
    logging.getLogger("test").warning(words)
    record_property("words", words)
    pytest.fail(words)


def test_tells_in_one_line(cluster):
    raise RuntimeError(told(cluster.kubeconfig.parent).replace("\\n", " "))
"""


def forms(secret: str) -> list[str]:
    """What must not be found: the secret, and what only it can have become in an encoding."""
    shifted = [base64.b64encode(b"\0" * shift + secret.encode()).decode() for shift in range(3)]
    inside = [text[4 : len(text) - 4] for text in shifted]
    return [secret, quote(secret, safe=""), json.dumps(secret)[1:-1], html.escape(secret), *inside]


def contents(path: Path) -> Iterator[str]:
    """The texts in a file: also in archives, also in base64 of gzip."""
    data = path.read_bytes()
    if path.name.endswith(".tar.gz"):
        with tarfile.open(path) as tar:
            data = b"\n".join(file.read() for item in tar if (file := tar.extractfile(item)))
    elif data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    yield (text := data.decode(errors="replace"))
    for word in text.replace('"', " ").replace("\\n", " ").split():
        if word.startswith("H4sI"):
            yield gzip.decompress(base64.b64decode(word)).decode()


def leaks(paths: list[Path], secrets: dict[str, str]) -> list[str]:
    return [
        f"{name} in {path.name}"
        for path in paths
        for text in contents(path)
        for name, secret in secrets.items()
        if any(form in text for form in forms(secret))
    ]


def plant(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the project's deployer and a suite of it tell secrets."""
    site = staged.folder / "site"
    shutil.copy(telling_path(), site / "telling.py")
    points = site / "fakes-0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text().replace("staged:StagedDeployer", "telling:TellingDeployer"))
    (staged.folder / "suites" / "telling").mkdir()
    (staged.folder / "suites" / "telling" / "test_telling.py").write_text(SUITE)
    monkeypatch.syspath_prepend(str(site))
    from telling import PLANTED

    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
        staged.project.extra[name] = value


def test_no_secret_is_in_anything_that_a_run_leaves(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(staged, monkeypatch)
    from telling import MARK, secrets_of, told

    command = staged.start(suite="telling")
    staged.settle(command)
    assert command.code == 1, staged.evidence

    run = staged.run.path
    junit.write(load(run), PORTABLE)
    [cell] = (run / "cells").iterdir()
    secrets = secrets_of(cell)
    keys = [cell / "kubeconfig", cell / "ssh-key"]
    files = [path for path in run.rglob("*") if path.is_file() and path not in keys]
    marked = {str(path.relative_to(run)) for path in files if any(MARK in text for text in contents(path))}
    logs = f"cells/{cell.name}/logs"
    assert marked >= {
        *("build-log.txt", "results.jsonl", "ledger.jsonl", "index.html", "summary.md"),
        *(f"{logs}/{name}" for name in ("node.log", "logs.tar.gz", "e2e-gw0.log", "attempt-1/error.txt")),
        *(f"{logs}/attempt-1/{name}" for name in ("node.log", "logs.tar.gz")),
    }, "what was told is kept"
    assert {name.partition("/")[0] for name in marked if "/junit_" in name} == {"artifacts", "portable"}
    server = staged.state / "localazure"
    more = [server / "server.log", *server.glob("journal.sqlite*"), staged.folder / "command-lines.txt", command.output]
    assert MARK in command.text
    assert leaks(files + more, secrets) == []

    careless = staged.folder / "careless.txt"
    careless.write_text(told(cell))
    assert {leak.partition(" in ")[0] for leak in leaks([careless], secrets)} == secrets.keys(), "the search finds them"


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "worker"])
def test_no_secret_is_in_what_pytest_says_by_itself(
    staged: Staged, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    plant(staged, monkeypatch)
    from telling import MARK, secrets_of

    (staged.stages / "stop-at").touch()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "suites/telling", "-v", *workers],
        cwd=staged.folder, env={**staged.project.environment, SILENT: "1"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    for part in (" Captured stdout call ", " Captured log call ", "E       RuntimeError: ", MARK, BLANK):
        assert part in said
    [cell] = (staged.run.path / "cells").iterdir()
    secrets = secrets_of(cell)
    said_to = staged.folder / "said.txt"
    said_to.write_text(said)
    assert leaks([said_to], secrets) == []
