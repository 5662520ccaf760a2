"""``python -m harness.cli.reaper FOLDER``: finishes a run whose process was told to end twice; started by it, and belongs to nobody.

Signals are noted and change nothing: the one way to stop it is SIGKILL, after which ``harness sweep`` finds what is left.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness import reporting
from harness.errors import EXIT_CODES, HarnessError, Outcome
from harness.runs.api import Phase
from harness.runs.folder import RunFolder
from harness.runs.ledger import Ledger
from harness.runs.ownership import enter, leave, stop_owners
from harness.runs.parts import Parts
from harness.runs.phases import record_failure
from harness.runs.signals import Stops
from harness.runs.teardown import SECONDS, teardown

_PARENT_SECONDS = 30.0


def main(argv: list[str]) -> int:
    """Take down, report; the exit code of the outcome, for whoever waits."""
    folder = RunFolder(Path(argv[0]))
    with Stops().noted():
        enter(folder, "reaper")  # without the lock, which whoever started us holds until it has read this line
        outcome = Outcome.HARNESS
        try:
            stop_owners(folder, SECONDS, _say, patience=_PARENT_SECONDS, ask=False)
            outcome = teardown(folder, kept=False, parts=Parts(), role="reaper")
        except HarnessError as error:
            record_failure(Ledger(folder.ledger, ending=True), "", Phase.DOWN, error)
            outcome = error.outcome
        finally:
            leave(folder, Outcome.ABORTED if outcome is Outcome.PASSED else outcome)
            reporting.write(folder.path)
    return EXIT_CODES[outcome]


def _say(text: str) -> None:
    print(f"reaper: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
