"""The way into a run's log: through a process that masks, for whoever prints without knowing what is secret."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from harness.runs.folder import RunFolder


def masked_log(folder: RunFolder, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start it; what is written to its ``stdin`` gets to the end of ``build-log.txt`` without secrets.

    It belongs to a session of its own, so that whoever ends a writer's group does not end the reader of its last words, and ends when
    nobody can write to it any more.

    :param environ: its environment, whose secrets it knows.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli.masking", str(folder.log)],
        env=dict(environ),
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
