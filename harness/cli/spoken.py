"""What a command says last, an error above all: without the secrets of the run, or the host, that it worked on.

Which those are is known once the command has read its settings, and the error arrives where the command is no longer known.
"""

from __future__ import annotations

import os

import click

from harness.redact.secrets import Secrets
from harness.runs.secrets import run_secrets
from harness.settings import Settings


class Spoken:
    """Of one command; click's context carries it to where settings are read."""

    def __init__(self) -> None:
        self._secrets = Secrets(environ=os.environ)

    def mask(self, text: str) -> str:
        """The text with every secret replaced by ``[redacted]``."""
        return self._secrets.mask(text)

    @staticmethod
    def current() -> Spoken:
        """That of the current command; one that knows the environment only, outside of any."""
        context = click.get_current_context(silent=True)
        return context.obj if context is not None and isinstance(context.obj, Spoken) else Spoken()

    @staticmethod
    def works_on(settings: Settings) -> None:
        """The current command does so, on the run that its ``--run`` names, else on the newest, which may be its own."""
        if context := click.get_current_context(silent=True):
            run = str(context.params.get("run") or "latest")
            Spoken.current()._secrets = run_secrets(settings.reports / run, settings.state)
