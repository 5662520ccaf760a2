"""The secrets of one run, read from the files that hold them anyway, so that writers can blank them out by value."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from harness.redact import Known


def known_secrets(folder: Path) -> Known:
    """What must not be in anything that is kept with the run in this folder; also of a run that is only half there."""
    return Known.of_environment(os.environ) | Known.of_files(_holders(folder))


def _holders(folder: Path) -> Iterator[Path]:
    yield from folder.glob("cells/*/kubeconfig")
    yield from folder.glob("cells/*/ssh-key")
    try:
        yield Path(json.loads((folder / "plan.json").read_text())["settings"]["state"]) / "localazure" / "server.json"
    except (OSError, ValueError, KeyError, TypeError):  # not planned yet
        return
