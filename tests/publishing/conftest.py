"""A contract server for all tests of this folder, as new for each, and runs to publish."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from reporting.synthetic import CELL, Folder, result

from harness import reporting
from harness.errors import Outcome
from harness.jenkins.connection import Connection, Credentials
from harness.jenkins.patience import Pace, Patience
from harness.publishing.api import Publication
from harness.publishing.publication import publication

from .contract.running import Contract
from .contract.security import TOKEN, USER

PACE = Pace(first=0.01, longest=0.05, settle=0.3, answer=60.0, connect=20.0)
"""As patient as a server on loopback needs."""
LONG = 300.0
"""Seconds in which everything has happened, however busy the host is."""


def short(seconds: float) -> Patience:
    """A deadline on a clock that moves only while somebody waits: a busy host does not bring it nearer."""
    now = [0.0]

    def sleep(much: float) -> None:
        now[0] += much
        time.sleep(much)

    return Patience(seconds, PACE, clock=lambda: now[0], sleep=sleep)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    server = Contract(tmp_path_factory.mktemp("jenkins"))
    yield server
    server.stop()


@pytest.fixture
def contract(shared: Contract) -> Iterator[Contract]:
    shared.clear()
    yield shared
    shared.clear()


@pytest.fixture
def patience() -> Patience:
    return Patience(time.monotonic() + LONG, PACE)


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(USER, TOKEN)


@pytest.fixture
def connection(contract: Contract, credentials: Credentials) -> Iterator[Connection]:
    made = Connection(contract.url, credentials, PACE)
    yield made
    made.close()


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    """A run that is over, with one failed test and its reports."""
    folder = Folder(tmp_path_factory.mktemp("reports") / "20261123-223010-a1b2")
    folder.up()
    tests = [result(f"t{index}", Outcome.FAILED if index == 2 else Outcome.PASSED) for index in range(4)]
    folder.results(tests)
    folder.down(CELL)
    folder.ended("failed")
    return publication(reporting.write(folder.path))


_numbers = count(1)


@pytest.fixture
def make(told: Publication, tmp_path: Path) -> Callable[[], Publication]:
    """Publications with ids of their own: the server counts builds by them."""

    def one() -> Publication:
        run = f"20261123-223010-{next(_numbers):04x}"
        folder = tmp_path / run
        shutil.copytree(told.folder, folder)
        return replace(told, run=run, folder=folder)

    return one
