"""Our errors as pytest users see them: one line on standard error and the harness's own exit codes, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from _pytest.mark.expression import Expression

from harness.errors import EXIT_CODES, HarnessError, UsageError


@contextmanager
def one_line() -> Iterator[None]:
    """A harness error in here ends the session; :func:`exit_code_of` shows it."""
    try:
        yield
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


def exit_code_of(error: pytest.UsageError) -> int:
    """Show a session's last error as one line; the exit code of its class. Raises it again if it is pytest's own."""
    if not isinstance(error.__cause__, HarnessError):
        raise error
    sys.stderr.write(f"ERROR: {error}\n")
    return EXIT_CODES[error.__cause__.outcome]


def check_expressions(config: pytest.Config) -> None:
    """Under xdist, workers would find a wrong -k or -m after clusters were begun, each with a traceback."""
    for flag, text in (("-k", config.option.keyword), ("-m", config.option.markexpr)):
        try:
            if text:
                Expression.compile(text)
        except SyntaxError as error:
            raise UsageError(f"{flag} {text!r}: {error}", hint="join words with and, or, not") from error
