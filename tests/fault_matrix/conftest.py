"""The parts of local Azure's tests, where its modules find each other."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "localazure"))
