"""What a supervised child prints reaches its log whole, at once, and without secrets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn\n" * 20 + "-----END RSA PRIVATE KEY-----\n"


def start(log: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "harness.cli.masking", str(log)], stdin=subprocess.PIPE)


def test_secrets_are_blank_and_the_rest_is_copied(tmp_path: Path) -> None:
    log = tmp_path / "build-log.txt"
    log.write_text("before\n")
    masking = start(log)
    text = f"one\nclient_secret=hunter2hunter2\n{KEY}no end of line \xe9".encode("latin-1")
    masking.communicate(text, timeout=20)
    assert masking.returncode == 0
    got = log.read_bytes()
    assert got.startswith(b"before\none\nclient_secret=[redacted]\n")
    assert b"MIIEow" not in got
    assert got.endswith(b"no end of line \xe9")


def test_a_key_that_comes_in_pieces_is_masked_as_a_whole(tmp_path: Path) -> None:
    masking = start(tmp_path / "log")
    assert masking.stdin
    for line in KEY.splitlines(keepends=True):
        masking.stdin.write(line.encode())
        masking.stdin.flush()
        time.sleep(0.002)  # each its own read
    masking.communicate(b"after\n", timeout=20)
    text = (tmp_path / "log").read_text()
    assert "MIIEow" not in text
    assert text.endswith("after\n")


def test_secrets_of_the_run_are_known_when_its_clusters_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, key = "1134abcdef0123456789abcdef01234567", "a3ViZWNvbmZpZy1rZXktdGhhdC1jYW1lLWxhdGVy"
    monkeypatch.setenv("JENKINS_API_TOKEN", token)
    log, cell = tmp_path / "log", tmp_path / "cells" / "c"
    masking = start(log)
    assert masking.stdin
    masking.stdin.write(f"before {token}\n".encode())
    masking.stdin.flush()
    while not log.exists() or not log.read_text():
        time.sleep(0.01)
    cell.mkdir(parents=True)
    (cell / "kubeconfig").write_text(f"    client-key-data: {key}\n")
    masking.communicate(f"after {key} {token}\n".encode(), timeout=20)
    assert log.read_text() == "before [redacted]\nafter [redacted] [redacted]\n"


def test_a_secret_is_not_cut_where_a_line_has_become_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "1134abcdef0123456789abcdef01234567"
    monkeypatch.setenv("JENKINS_API_TOKEN", token)
    masking = start(tmp_path / "log")
    masking.communicate(f"{token} ".encode() * 20_000, timeout=20)
    assert (tmp_path / "log").read_text() == "[redacted] " * 20_000


def test_lines_are_there_at_once(tmp_path: Path) -> None:
    masking = start(tmp_path / "log")
    assert masking.stdin
    masking.stdin.write(b"whole\nhalf")
    masking.stdin.flush()
    until = time.monotonic() + 10
    while time.monotonic() < until and (not (tmp_path / "log").exists() or not (tmp_path / "log").read_text()):
        time.sleep(0.01)
    assert (tmp_path / "log").read_text() == "whole\n"
    masking.communicate(b"\n", timeout=20)
    assert (tmp_path / "log").read_text() == "whole\nhalf\n"


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_to_everybody_does_not_cut_the_last_words(tmp_path: Path, number: int) -> None:
    masking = start(tmp_path / "log")
    assert masking.stdin
    masking.stdin.write(b"ready\n")
    masking.stdin.flush()
    while not (tmp_path / "log").exists() or not (tmp_path / "log").read_text():
        time.sleep(0.01)
    os.kill(masking.pid, number)
    masking.communicate(b"last words\n", timeout=20)
    assert (tmp_path / "log").read_text() == "ready\nlast words\n"
