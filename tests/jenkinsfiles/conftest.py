"""All builds of a test run, in one JVM."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from .groovy import Trace, run
from .language import LANGUAGE
from .mutations import MUTATIONS
from .scenarios import more, shipped


@pytest.fixture(scope="session")
def traces(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Trace]:
    """Name of a scenario -> what its build did."""
    base = tmp_path_factory.getbasetemp()
    mutated = chain.from_iterable(mutation.scenarios() for mutation in MUTATIONS)
    return run([*shipped(), *more(), *LANGUAGE, *mutated], Path(base if worker_id == "master" else base.parent))
