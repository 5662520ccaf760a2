"""Every safety property is really checked: a Jenkinsfile without it is noticed, by the check that is named after it."""

from __future__ import annotations

import pytest

from .checks import CHECKS
from .groovy import Trace
from .mutations import MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutation_is_caught(traces: dict[str, Trace], mutation: Mutation) -> None:
    for happens in mutation.happens:
        trace = traces[f"{mutation.name}/{happens}"]
        said = {name: check(trace) for name, check in CHECKS.items()}
        assert said[mutation.check], f"{happens}: not noticed; others said: { {k: v for k, v in said.items() if v} }"


def test_every_check_has_a_mutation_that_only_it_is_there_for() -> None:
    assert {mutation.check for mutation in MUTATIONS} == set(CHECKS)
