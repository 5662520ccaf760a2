"""What the controller does between the last test and its exit code: proof, evidence, leftovers, reports.

Nothing here may keep clusters from being taken down, whatever goes wrong in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import pytest

from harness.clouds.api import Cloud
from harness.errors import EXIT_CODES, HarnessError, Outcome
from harness.plugin.context import KEY
from harness.plugin.diagnosis import Diagnosis
from harness.plugin.leaks import check
from harness.plugin.proving import prove
from harness.runs.api import Phase
from harness.runs.lifecycle import Lifecycle
from harness.runs.ownership import leave
from harness.runs.phases import record_failure


@dataclass(frozen=True)
class Ending:
    """The end of one session.

    :param say: writes a line to the console.
    """

    lifecycle: Lifecycle
    say: Callable[[str], None]

    def report_early(self) -> None:
        """Jenkins gives a stopped build 20 seconds: what is known goes to disk before clusters are taken down."""
        from harness import reporting

        try:
            reporting.write(self.lifecycle.folder.path)
        except Exception as error:  # they are written again at the end, and a failure then counts
            self.say(f"no reports yet: {error}")

    def prove(self, config: pytest.Config, *, aborted: bool) -> None:
        """Say whether all of conformance ran."""
        try:
            prove(config.stash[KEY], config, aborted=aborted)
        except Exception as error:
            record_failure(self.lifecycle.ledger, "", Phase.PROOF, error)

    def look_back(self, diagnosis: Diagnosis, *, aborted: bool) -> None:
        """Finish the evidence, and list what tests left."""
        if self.lifecycle.cloud is None:
            return
        try:
            diagnosis.close(aborted=aborted)
            self._list_leftovers(self.lifecycle.cloud, aborted=aborted)
        except Exception as error:
            self.say(f"evidence and leftovers are incomplete: {type(error).__name__}: {error}")

    def look_back_at(self, cell: str, diagnosis: Diagnosis | None) -> None:
        """The same for one cell that makes room while others go on."""
        if self.lifecycle.cloud is None:
            return
        clusters = self.lifecycle.plan.clusters(cell)
        try:
            if diagnosis:
                diagnosis.settle(clusters)
            self._list_leftovers(self.lifecycle.cloud, aborted=False, clusters=clusters)
        except Exception as error:
            self.say(f"evidence and leftovers of {cell} are incomplete: {type(error).__name__}: {error}")

    def _list_leftovers(self, cloud: Cloud, *, aborted: bool, clusters: Collection[str] | None = None) -> None:
        fail = self.lifecycle.settings.leftovers == "fail"
        check(self.lifecycle.folder, cloud, aborted=aborted, fail=fail, clusters=clusters)

    def report(self, status: int, *, aborted: bool) -> int:
        """Write reports; the exit code of the run is theirs.

        :param status: pytest's own exit code.
        """
        from harness import reporting
        from harness.reporting.verdict import verdict

        outcome = verdict(self.lifecycle.folder, status, aborted=aborted)
        leave(self.lifecycle.folder, outcome)
        try:
            return reporting.write(self.lifecycle.folder.path).exit_code
        except HarnessError as error:
            self.say(f"reports could not be written: {error}")
        return EXIT_CODES[outcome if outcome not in (Outcome.PASSED, Outcome.FLAKY) else Outcome.HARNESS]
