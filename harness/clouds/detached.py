"""The environment of a process that must outlive the run or the build that started it: local Azure's server, a reaper.

Jenkins ends whatever still carries its build's ``JENKINS_NODE_COOKIE`` (Pipeline) or ``BUILD_ID`` (freestyle jobs), which is
ProcessTreeKiller's documented way to be told apart. ``harness sweep`` ends what still carries a dead run's mark.
"""

from __future__ import annotations

from collections.abc import Mapping

MARK = "KUBERNETES_AZURE_HARNESS_RUN"
"""Environment name that every process of a run carries, with the run's id."""
_JENKINS = ("JENKINS_NODE_COOKIE", "BUILD_ID")
_KEPT_ALIVE = "dontKillMe"


def detached(environ: Mapping[str, str]) -> dict[str, str]:
    """This environment without what binds a process to one run or one build."""
    kept = {name: value for name, value in environ.items() if name != MARK}
    return kept | {name: _KEPT_ALIVE for name in _JENKINS if name in kept}
