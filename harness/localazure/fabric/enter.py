"""Enters control groups and becomes another program; run as a script, standard library only: ``enter.py GROUP... -- ARGV...``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

separator = sys.argv.index("--")
for folder in sys.argv[1:separator]:
    Path(folder, "cgroup.procs").write_text("0")
os.execvp(sys.argv[separator + 1], sys.argv[separator + 1 :])  # noqa: S606 - no shell is the point
