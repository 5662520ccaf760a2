"""The result log is archived with the run: what goes in is what others read."""

from __future__ import annotations

from dataclasses import replace

from harness.redact import Known
from harness.reporting.api import ResultStep, TestResult
from harness.reporting.results import dump, parse

from .synthetic import result

SECRET = "0123456789abcdef"


def telling(secret: str) -> TestResult:
    """A result that has it in all its texts."""
    leaking = f"--token {secret} was used"
    return replace(
        result("leaks"),
        message=leaking,
        details=leaking,
        stdout=leaking,
        log=leaking,
        steps=(ResultStep(leaking, 0.5),),
        properties={"command": leaking},
    )


def test_secrets_never_reach_the_file() -> None:
    line = dump(telling(f"abcdef.{SECRET}"))
    assert SECRET not in line
    assert line.count("[redacted]") == 6


def test_nor_do_secrets_that_only_the_run_knows() -> None:
    line = dump(telling(f"it-is-{SECRET}"), Known(frozenset({f"it-is-{SECRET}"})))
    assert SECRET not in line
    assert line.count("[redacted]") == 6


def test_what_names_the_test_is_never_touched() -> None:
    made = replace(result("x"), nodeid=f"suites/volumes/test_x.py::test_it[abcdef.{SECRET}]", name=f"abcdef.{SECRET}")
    back = parse(dump(made))
    assert back is not None
    assert (back.nodeid, back.name) == (made.nodeid, made.name)
