"""What is collected of a cluster through the cloud: what can be had is kept, and tells no secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.clusters.api import Node
from harness.clusters.diagnostics import collect
from harness.errors import CloudError
from harness.redact.secrets import Secrets

TOKEN = "1134abcdef0123456789abcdef01234567"


class TellingCloud:
    """Tells a secret on a machine's console, and in its error about run commands."""

    def console(self, group: str, name: str) -> str:
        return f"env: {TOKEN}\n"

    @property
    def compute(self) -> Any:
        raise CloudError("run a command", last_seen=f"no answer to {TOKEN}")


def test_no_secret_of_the_run_is_in_what_is_collected(tmp_path: Path) -> None:
    node = Node("w-0", "10.0.0.5", "worker")
    soon = datetime.now(UTC) + timedelta(seconds=60)
    secrets = Secrets(environ={"JENKINS_API_TOKEN": TOKEN})
    collect(TellingCloud(), "rg", [node], tmp_path / "none", tmp_path, soon, secrets)  # type: ignore[arg-type]
    assert (tmp_path / "w-0" / "console.log").read_text() == "env: [redacted]\n"
    problems = (tmp_path / "problems.txt").read_text()
    assert "no answer to [redacted]" in problems
    assert TOKEN not in problems
