"""Commands of a build end, and say why they failed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.builds.command import need, run
from harness.errors import BuildError, UsageError


def test_output() -> None:
    assert run(["echo", "hello"], "say hello", timeout=10) == "hello\n"


def test_failure_has_the_last_lines() -> None:
    with pytest.raises(BuildError) as caught:
        run(["sh", "-c", "seq 100; echo broken >&2; exit 3"], "compile x", timeout=10)
    assert str(caught.value) == "compile x; last seen: sh ended with 3: broken"
    assert caught.value.log_tail.splitlines()[-2:] == ["100", "broken"]


def test_timeout_stops_the_children(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(BuildError) as caught:
        run(["sh", "-c", "echo working; sleep 60 & wait"], "compile x", timeout=0.3)
    assert time.monotonic() - begin < 5
    assert "waited for sh to end" in str(caught.value)
    assert caught.value.log_tail == "working"


def test_missing_program_names_the_package() -> None:
    with pytest.raises(UsageError, match="apt-get install something"):
        need("no-such-program", package="something")
