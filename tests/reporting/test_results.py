"""The result log is archived with the run: what goes in is what others read."""

from __future__ import annotations

from dataclasses import replace

from harness.reporting.api import ResultStep
from harness.reporting.results import dump, parse

from .synthetic import result

SECRET = "0123456789abcdef"


def test_secrets_never_reach_the_file() -> None:
    leaking = f"--token abcdef.{SECRET} was used"
    made = replace(
        result("leaks"),
        message=leaking,
        details=leaking,
        stdout=leaking,
        log=leaking,
        steps=(ResultStep(leaking, 0.5),),
        properties={"command": leaking},
    )
    line = dump(made)
    assert SECRET not in line
    assert line.count("[redacted]") == 6


def test_what_names_the_test_is_never_touched() -> None:
    made = replace(result("x"), nodeid=f"suites/volumes/test_x.py::test_it[abcdef.{SECRET}]", name=f"abcdef.{SECRET}")
    back = parse(dump(made))
    assert back is not None
    assert (back.nodeid, back.name) == (made.nodeid, made.name)
