"""Enters control groups and becomes another program; run as a script, standard library only: ``enter.py GROUP... -- ARGV...``."""

from __future__ import annotations

import os
import sys

separator = sys.argv.index("--")
for folder in sys.argv[1:separator]:
    with open(f"{folder}/cgroup.procs", "w") as file:  # noqa: PTH123 - pathlib would double this script's start-up time
        file.write("0")
os.execvp(sys.argv[separator + 1], sys.argv[separator + 1 :])  # noqa: S606 - no shell is the point
