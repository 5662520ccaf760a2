"""The ``harness`` command: every file of :mod:`harness.cli.commands` is one of its commands, loaded only when it is asked for."""

from __future__ import annotations

import pkgutil
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

import click

from harness.cli import commands
from harness.cli.spoken import Spoken
from harness.errors import EXIT_CODES, HarnessError, Outcome, UsageError


class Commands(click.Group):
    """Finds commands by their files."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = import_module(f"{commands.__name__}.{cmd_name}").command
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("kubernetes-azure-harness"), prog_name="harness")
def harness() -> None:
    """Clusters of any Kubernetes on Azure, local or real: suites on them in parallel, JUnit, and nothing left behind."""


def invoke(argv: Sequence[str]) -> int:
    """Run one command; errors become one line on stderr and the exit code of their class."""
    spoken = Spoken()
    try:
        result = harness.main(args=list(argv), prog_name="harness", standalone_mode=False, obj=spoken)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return 0
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "harness"
        click.echo(spoken.mask(f"harness: {error.format_message().rstrip('.')}; see: {path} --help"), err=True)
        return EXIT_CODES[Outcome.ABORTED]
    except (click.Abort, KeyboardInterrupt):
        click.echo("harness: interrupted", err=True)
        return EXIT_CODES[Outcome.ABORTED]
    except HarnessError as error:
        if error.log_tail and not isinstance(error, UsageError):
            click.echo(spoken.mask(error.log_tail.rstrip()), err=True)
        click.echo(spoken.mask(f"harness: {error}"), err=True)
        return EXIT_CODES[error.outcome]
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        return EXIT_CODES[Outcome.PASSED]
    except Exception:
        click.echo(spoken.mask(traceback.format_exc()), err=True, nl=False)
        return EXIT_CODES[Outcome.HARNESS]
    return result if isinstance(result, int) else 0


def main() -> None:
    """Entry point of the ``harness`` script."""
    sys.exit(invoke(sys.argv[1:]))
