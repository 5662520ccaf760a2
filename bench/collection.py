"""Every upstream spec as a pytest item, against the same number of plain pytest items collected in the same run.

Both sides are whole processes with ``--collect-only``, in turn, so that interpreter and pytest start-up are on both. What the
specs cost beyond that is the inventory: reading it, selecting, and making 3206 items.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

TOP = Path(__file__).resolve().parent.parent
ROUNDS = 3


def main() -> int:
    """Print medians and the ratio; 1 if a side did not collect."""
    with TemporaryDirectory() as place:
        specs, plain = Path(place, "specs"), Path(place, "plain")
        _write_specs(specs)
        ours, count = _collect(specs, ["suites"])
        _write_plain(plain, count)
        pairs = [(_collect(specs, ["suites"])[0], _collect(plain, ["."])[0]) for _ in range(ROUNDS)]
    mine, reference = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"first collection           {ours:6.2f} s   {count} specs")
    print(f"specs, median              {mine:6.2f} s   (goal: at most 2)")
    print(f"plain items, median        {reference:6.2f} s   the same number, parametrised")
    print(f"ratio                      {mine / reference:6.2f}")
    return 0


def _write_specs(folder: Path) -> None:
    suite = folder / "suites" / "everything"
    suite.mkdir(parents=True)
    (folder / "conftest.py").write_text((TOP / "conftest.py").read_text())
    (folder / "pytest.ini").write_text("[pytest]\n")
    (suite / "specs.yaml").write_text('label_filter: "Conformance || !Conformance"\n')


def _write_plain(folder: Path, count: int) -> None:
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_plain.py").write_text(
        f"import pytest\n\n@pytest.mark.parametrize('number', range({count}))\ndef test_plain(number): ...\n"
    )


def _collect(folder: Path, what: list[str]) -> tuple[float, int]:
    """Seconds of one collection, and how many items it found."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *what, "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    seconds = time.monotonic() - began
    found = sum("::" in line for line in done.stdout.splitlines())
    if done.returncode or not found:
        sys.exit(f"{folder} was not collected:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds, found


if __name__ == "__main__":
    sys.exit(main())
