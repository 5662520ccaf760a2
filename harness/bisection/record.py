"""Steps on disk, one line each and fsynced, so that an interrupted search goes on where it was.

The folder is named after the question; the same question finds it again::

    reports/bisect-3f2a9c41/
        question.json       test, ends and flags
        steps.jsonl         see harness.bisection.api.Step
        steps/v1.36.3/      the reports folder of that step's run
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.bisection.api import Step, Verdict
from harness.errors import UsageError


@dataclass(frozen=True)
class Record:
    """One search's folder."""

    folder: Path

    @classmethod
    def open(cls, reports: Path, question: Mapping[str, object]) -> Record:
        """The folder of this question, made if there is none."""
        text = json.dumps(question, sort_keys=True, indent=1)
        record = cls(reports / f"bisect-{hashlib.sha256(text.encode()).hexdigest()[:8]}")
        try:
            record.folder.mkdir(parents=True, exist_ok=True)
            (record.folder / "question.json").write_text(text + "\n")
        except OSError as error:
            raise UsageError(
                f"{record.folder} cannot be written: {error.strerror}", hint="choose another --reports"
            ) from error
        return record

    def steps(self) -> dict[str, Step]:
        """Candidate -> step, in the order of testing; a torn last line is a step that did not end."""
        found = {}
        for row in self._path.read_text().splitlines() if self._path.exists() else ():
            try:
                raw = json.loads(row)
                step = Step(**{**raw, "verdict": Verdict(raw["verdict"])})
            except (ValueError, TypeError, KeyError):
                continue
            found[step.candidate] = step
        return found

    def add(self, step: Step) -> None:
        """Write a step down before the next one begins."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(step)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def forget(self) -> None:
        """Begin anew."""
        self._path.unlink(missing_ok=True)

    def place(self, candidate: str) -> Path:
        """The reports folder of a candidate's step."""
        return self.folder / "steps" / re.sub(r"[^A-Za-z0-9_.+-]", "-", candidate)

    @property
    def _path(self) -> Path:
        return self.folder / "steps.jsonl"
