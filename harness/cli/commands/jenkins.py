"""``harness jenkins trigger``: a job of Jenkins from the command line, to its end, with an exit code that says how it went."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing

import click

from harness.cli.screen import Screen
from harness.errors import EXIT_CODES, UsageError
from harness.redact import Known, redact
from harness.settings import duration

_RUN_ID = "RUN_ID"


@click.group("jenkins")
def command() -> None:
    """Jobs of a Jenkins. Who we are is read from JENKINS_USER_ID and JENKINS_API_TOKEN."""


@command.command("trigger")
@click.argument("job")
@click.option("--url", default="", metavar="URL", help="The Jenkins, if JOB is only a name.  [JENKINS_URL]")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="A parameter; without a value, that of the environment variable NAME, for what nobody should see (repeatable).",
)
@click.option("--wait", is_flag=True, help="Show the build's log, and end as it ends.")
@click.option("--deadline", default="3h", metavar="DURATION", help="When to give up: 90s, 30m, 2h.  [3h]")
@click.option(
    "--retry",
    default=0,
    type=click.IntRange(min=0),
    metavar="N",
    help="Trigger again, this often at most, after a build that failed without a failed test.  [0]",
)
def trigger(job: str, url: str, parameters: Sequence[str], wait: bool, deadline: str, retry: int) -> int:
    """Trigger JOB, a name such as team/nightly or an address; with the parameter RUN_ID, once for each of its values."""
    from harness.jenkins.address import job_address
    from harness.jenkins.connection import Connection, Credentials
    from harness.jenkins.job import Job
    from harness.jenkins.patience import Patience
    from harness.jenkins.run import run
    from harness.jenkins.trigger import Order, Placed, place

    if retry and not wait:
        raise UsageError("--retry needs --wait", hint="only a build that is waited for is seen to fail")
    form, known = _form(parameters, os.environ)
    screen = Screen(stderr=True)
    address = job_address(_address(job, url or os.environ.get("JENKINS_URL", "")))
    patience = Patience(time.monotonic() + duration(deadline), tell=screen.say)
    with closing(Connection(address.server, Credentials.of(os.environ), patience.pace)) as connection:
        target = Job(connection, address)
        parameterized = patience.insist(f"look at {address.url}", lambda: target.check(set(form)))
        named = {_RUN_ID: form[_RUN_ID]} if form.get(_RUN_ID) else {}
        after = 0 if named else patience.insist(f"look at {address.url}", target.newest)
        order = Order(form, named or form, parameterized, after=after)

        def placed(found: Placed) -> None:
            said = "found" if not found.sent else "triggered"
            screen.say(f"{said} {address.url}, queue item {found.ordered.queue_id}")

        if not wait:
            placed(place(target, order, patience))
            return 0
        log = _Log(known)
        ended = run(target, order, patience, retry, log.show, placed)
    log.end()
    screen.say(f"{ended.build.result}: {ended.build.url}")
    return EXIT_CODES[ended.outcome]


def _address(job: str, url: str) -> str:
    if "://" in job:
        return job
    if not url:
        raise UsageError(f"{job} is only a name", hint="give its address, or the server's with --url or JENKINS_URL")
    return f"{url.rstrip('/')}/job/{job.strip('/').replace('/', '/job/')}/"


def _form(parameters: Sequence[str], environ: Mapping[str, str]) -> tuple[dict[str, str], Known]:
    """Parameters, and what of them nobody should see."""
    form, hidden = {}, set()
    for text in parameters:
        name, given, value = text.partition("=")
        if not name or name in form:
            raise UsageError(f"--parameter {text!r} {'is given twice' if name else 'has no name'}", hint="NAME=VALUE")
        if not given:
            if name not in environ:
                raise UsageError(
                    f"--parameter {name}: there is no environment variable of this name",
                    hint=f"{name}=VALUE, or set it",
                )
            value = environ[name]
            hidden.add(value)
        form[name] = value
    return form, Known(frozenset(hidden)) | Known.of_environment(environ)


class _Log:
    """A build's log on standard output, in whole lines, since secrets are recognised in those."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._held = ""

    def show(self, text: str) -> None:
        ready, newline, self._held = (self._held + text).rpartition("\n")
        if newline:
            click.echo(redact(ready, self._known))

    def end(self) -> None:
        if self._held:
            click.echo(redact(self._held, self._known))
