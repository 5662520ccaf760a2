"""How the commands ask local Azure: over HTTP, with the owner's secret from its file."""

from __future__ import annotations

from typing import Any

from harness.cli.options import settings_from
from harness.clouds.server import LocalServer, ServerInfo
from harness.errors import UsageError
from harness.settings import Settings


def cloud_settings(flags: dict[str, Any]) -> Settings:
    """Settings of a command about local Azure."""
    return settings_from({**flags, "cloud": "local"})


def local_server(settings: Settings) -> LocalServer:
    """The server with these settings' state, running or not."""
    return LocalServer(settings.state / "localazure", settings.patience)


def running(settings: Settings) -> ServerInfo:
    """The running server; raises ``UsageError`` if there is none."""
    info = local_server(settings).running()
    if info is None:
        raise UsageError("local Azure does not run", hint="start it: harness cloud start")
    return info
