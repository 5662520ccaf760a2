"""Makes the folder of a build whose e2e.test is ``fake_e2e.py``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.ginkgo.api import EVERYTHING, SEED

FAKE = Path(__file__).with_name("fake_e2e.py")


def spec(text: str) -> dict:
    """An inventory entry; the labels are those in the text."""
    labels = [part.split("]")[0] for part in text.split("[")[1:]]
    return {"text": text, "labels": labels, "location": "test/e2e/x.go:1", "serial": "Serial" in labels,
            "ordered": False, "state": "passed"}  # fmt: skip


def make_build(folder: Path, *texts: str) -> Path:
    """Write inventory and programs; returns the folder."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    document = {"version": "v1.37.2", "seed": SEED, "filter": EVERYTHING, "specs": [spec(text) for text in texts]}
    (folder / "inventory.json").write_text(json.dumps(document))
    program = folder / "bin" / "e2e.test"
    program.write_text(FAKE.read_text().replace("#!/usr/bin/env python3", f"#!{sys.executable} -SE"))
    program.chmod(0o755)
    return folder


def ran(folder: Path) -> list[tuple[str, str]]:
    """(process, text) of every spec that ran, in order."""
    path = folder / "ran.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]
