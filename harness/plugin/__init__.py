"""The harness as a pytest plugin: ``pytest suites/`` is ``harness run``.

One process, the controller, owns the clusters; under ``-n`` it is pytest-xdist's controller, which runs no test, and otherwise the only
process. Workers find clusters in the run's ledger and take leases on them. Nothing here acts unless tests under ``suites/``
are asked for, so the project's own tests can be run with the same conftest.py.
"""

from __future__ import annotations

pytest_plugins = (
    "harness.plugin.options",
    "harness.plugin.entry",
    "harness.plugin.collection",
    "harness.plugin.narrowing",
    "harness.plugin.cutting",
    "harness.plugin.running",
    "harness.plugin.failing",
    "harness.plugin.fixtures",
)
