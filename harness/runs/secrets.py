"""The secrets of one run, read from the files that hold them anyway, so that writers can blank them out by value."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from harness.redact import Known
from harness.redact.secrets import Secrets

_KEYS = ("kubeconfig", "ssh-key")


def run_secrets(folder: Path, state: Path | None = None) -> Secrets:
    """What masks everything that is kept with the run in this folder, from before it is planned to after its end.

    :param state: the state folder, where it is known without the run's plan.
    """
    return Secrets(_Holders(folder, state), os.environ)


def known_secrets(folder: Path) -> Known:
    """What is known of them at this moment, also of a run that is only half there."""
    return run_secrets(folder).known


class _Holders:
    """Where they are; asked for every line that is printed, so the plan is read once."""

    def __init__(self, folder: Path, state: Path | None) -> None:
        self._plan = folder / "plan.json"
        self._cells = folder / "cells"
        self._server = _server(state) if state else None

    def __call__(self) -> Iterator[Path]:
        self._server = self._server or self._planned()
        if self._server:
            yield self._server
        with suppress(OSError), os.scandir(self._cells) as cells:  # there are none before one was begun
            for cell in cells:
                yield from (Path(cell.path, name) for name in _KEYS)

    def _planned(self) -> Path | None:
        """The server's file by the run's plan; None if there is none yet."""
        try:
            state = Path(json.loads(self._plan.read_text())["settings"]["state"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return _server(state)


def _server(state: Path) -> Path:
    return state / "localazure" / "server.json"
