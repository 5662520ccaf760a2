"""``harness cloud``: local Azure by itself, for people with clients of their own; spoken to over HTTP, as by everybody."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import click

from harness.cli.options import setting_options, settings_from
from harness.clouds.journal import ask
from harness.clouds.server import LocalServer, ServerInfo
from harness.errors import UsageError
from harness.runs.host import preflight
from harness.settings import Settings

_FAULTS = "throttled, conflict, error, delay, operation"


@click.group("cloud")
def command() -> None:
    """Local Azure by itself: start, stop, status, journal, fault."""


@command.command("start")
@setting_options("state")
def start(**flags: Any) -> None:
    """Start local Azure and keep it until `harness cloud stop`."""
    settings = _settings(flags)
    preflight(settings)
    _describe(_server(settings).hold(kept=True))


@command.command("stop")
@setting_options("state")
def stop(**flags: Any) -> None:
    """Let go of local Azure; it ends now, or when the last run lets go of it."""
    settings = _settings(flags)
    server = _server(settings)
    if server.running() is None:
        server.release_kept()
        click.echo("local Azure does not run")
        return
    from harness.clouds.local import LocalCloud  # the SDK takes a second to import, which `--help` need not wait for

    with LocalCloud(settings) as cloud:
        server.release_kept()
        groups = [group.name for group in cloud.groups({})]
    if server.running() is None:
        click.echo("local Azure has ended")
        return
    why = f"it has resource groups {', '.join(groups)}; see: harness status" if groups else "runs still use it"
    click.echo(f"local Azure runs on: {why}")


@command.command("status")
@setting_options("state")
def status(**flags: Any) -> None:
    """Where local Azure answers, and what it holds."""
    server = _server(_settings(flags))
    info = server.running()
    if info is None:
        click.echo("local Azure does not run; start it: harness cloud start")
        return
    _describe(info)
    click.echo(f"resources     {ask(info, 'GET', 'health')['resources']}")


@command.command("journal")
@click.option("--method", default="", metavar="NAMES", help="Only these methods: PUT,DELETE.")
@click.option("--path", default="", metavar="REGEX", help="Only paths in which this is found, without case.")
@click.option("--after", default=0, metavar="N", help="Only entries with a greater number.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@setting_options("state")
def journal(method: str, path: str, after: int, as_json: bool, **flags: Any) -> None:
    """Requests that local Azure answered, oldest first."""
    query = urllib.parse.urlencode({"method": method, "path": path, "after": after})
    for entry in ask(_running(_settings(flags)), "GET", f"journal?{query}")["value"]:
        if as_json:
            click.echo(json.dumps(entry))
            continue
        number, status, code = entry["number"], entry["status"], entry["code"]
        click.echo(
            f"{number:>6} {status} {entry['method']:<6} {entry['milliseconds']:>9.1f} ms  {entry['path']}  {code}".rstrip()
        )


@command.command("fault")
@click.argument("kind", default="")
@click.option("--method", default="", metavar="NAME", help="Only requests with this method.")
@click.option("--path", default="", metavar="REGEX", help="Only paths in which this is found, without case.")
@click.option("--count", default=1, metavar="N", help="For how many requests; -1 for ever.  [1]")
@click.option("--seconds", default=1.0, metavar="S", help="Retry-After, delay or length of the operation.  [1]")
@click.option("--clear", is_flag=True, help="Forget every fault.")
@setting_options("state")
def fault(kind: str, clear: bool, **options: Any) -> None:
    """Have the next matching requests meet a fault: throttled, conflict, error, delay, operation; without one, list them."""
    info = _running(_settings({"state": options.pop("state")}))
    if clear:
        ask(info, "DELETE", "faults")
    if kind:
        if kind not in _FAULTS.split(", "):
            raise UsageError(f"unknown fault {kind!r}", hint=f"there are: {_FAULTS}")
        ask(info, "POST", "faults", {"kind": kind, **options})
    for pending in ask(info, "GET", "faults")["value"]:
        click.echo(json.dumps(pending))


def _settings(flags: dict[str, Any]) -> Settings:
    return settings_from({**flags, "cloud": "local"})


def _server(settings: Settings) -> LocalServer:
    return LocalServer(settings.state / "localazure", settings.patience)


def _running(settings: Settings) -> ServerInfo:
    info = _server(settings).running()
    if info is None:
        raise UsageError("local Azure does not run", hint="start it: harness cloud start")
    return info


def _describe(info: ServerInfo) -> None:
    """How another client gets in; the secret stays in its file."""
    for name, value in (
        ("HTTP", info.http),
        ("HTTPS", info.https),
        ("CA", info.ca),
        ("subscription", info.subscription),
        ("tenant", info.tenant),
        ("client id", info.client_id),
        ("process", info.pid),
    ):
        click.echo(f"{name:<14}{value}")
