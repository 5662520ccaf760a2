"""A server in a process of its own, for tests that kill it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

LIMIT = 60.0
"""Seconds for a process to start or end; a busy host may need some of them."""


class Process:
    """One ``python -m harness.localazure serve``."""

    def __init__(self, state: Path, *flags: str) -> None:
        self.state = state
        self._token = ""
        command = [sys.executable, "-m", "harness.localazure", "serve", "--state", str(state)]
        self.process = subprocess.Popen(
            [*command, *flags],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output()
            facts = self.facts()
            if facts.get("pid") == self.process.pid:
                return facts
            time.sleep(0.02)
        raise AssertionError(f"no server.json of this process in {LIMIT:g} s")

    def facts(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.state / "server.json").read_text()))
        except FileNotFoundError:
            return {}

    def output(self) -> str:
        text, _ = self.process.communicate(timeout=LIMIT)
        return text

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        """A request of the owner, below the subscription or from the root."""
        facts = self.facts()
        if not self._token:
            form = {"grant_type": "client_credentials", "resource": facts["http"]}
            form |= {name: facts[name] for name in ("client_id", "client_secret")}
            answer = requests.post(f"{facts['http']}/adfs/oauth2/token", data=form, timeout=5)
            self._token = answer.json()["access_token"]
        url = (
            facts["http"] + ("" if path.startswith("/localazure") else f"/subscriptions/{facts['subscription']}") + path
        )
        return requests.request(method, url, json=body, headers={"Authorization": f"Bearer {self._token}"}, timeout=60)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """A request that must succeed; its body."""
        answer = self.call(method, path, body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
