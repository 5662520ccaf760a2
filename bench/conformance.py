"""The whole Conformance label by this harness against the ginkgo command of the same version, on clusters of the same size.

    bench/conformance.py [--procs N] [--no-ginkgo] [--reports DIR] [-- ARGUMENTS OF harness run]

Prints wall clocks and their ratio, efficiency against the bound (the longest spec, or all work through N processes, whichever takes
longer), overhead of an item, and the share of this harness' own processor time. The reference takes half an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from harness.builds import open_builder
from harness.builds.toolchain import find_toolchain
from harness.settings import Settings, load

TOP = Path(__file__).resolve().parent.parent
HARNESS = TOP / ".venv/bin/harness"
LIMIT = 3 * 3600


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--procs", type=int, default=12)
    parser.add_argument("--no-ginkgo", action="store_true")
    parser.add_argument("--reports", type=Path, help="keep the run's folder here")
    parser.add_argument("arguments", nargs="*")
    asked = parser.parse_args()
    settings = load({}, {}, TOP)
    with TemporaryDirectory() if asked.reports is None else nullcontext(asked.reports) as folder:
        ours = run_ours(Path(folder), asked.procs, asked.arguments)
        if not asked.no_ginkgo:
            wall = run_ginkgo(Path(folder), settings, asked.procs)
            print(f"ginkgo --procs={asked.procs:<3d}          {wall:8.1f} s")
            print(f"ratio of test phases       {ours / wall:8.2f}   (goal: at most 0.5)")
    return 0


def run_ours(folder: Path, procs: int, arguments: list[str]) -> float:
    """Seconds of the test phase; prints everything else that is known of the run."""
    began, usage = time.monotonic(), Usage()
    with usage:
        done = subprocess.run(
            [
                HARNESS,
                "run",
                "--suite",
                "conformance",
                "--conformance",
                "full",
                "--tests",
                str(procs),
                "--reports",
                folder,
                *arguments,
            ],
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT,
            check=False,
        )
    wall = time.monotonic() - began
    run = folder / "latest"
    results = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    ran = [item for item in results if item["outcome"] != "skipped"]
    first, last = min(item["started"] for item in ran), max(item["started"] + item["seconds"] for item in ran)
    shared = [item["seconds"] for item in ran if not item["serial"]]
    serial = [item["seconds"] for item in ran if item["serial"]]
    bound = max(max(item["seconds"] for item in ran), (sum(shared) + sum(serial)) / procs)
    print(f"exit code                  {done.returncode:8d}")
    print(f"specs                      {len(ran):8d}   not passed: {sum(i['outcome'] != 'passed' for i in ran)}")
    print(f"harness run                {wall:8.1f} s")
    print(f"test phase                 {last - first:8.1f} s")
    print(f"work                       {sum(shared):8.1f} s of parallel specs, {sum(serial):.1f} s of serial ones")
    print(f"bound                      {bound:8.1f} s")
    print(f"efficiency                 {bound / (last - first):8.2f}   (goal: at least 0.9)")
    overheads = [item["overhead"] for item in ran]
    print(f"overhead of an item        {statistics.median(overheads) * 1000:8.1f} ms median   (goal: at most 50)")
    print(f"own share of all CPU time  {usage.share:8.3f}   (goal: at most 0.05)")
    size = sum(path.stat().st_size for path in (run / "artifacts").glob("junit_*_conformance.xml"))
    print(f"JUnit                      {size / 1000:8.1f} kB   (goal: at most 300)", flush=True)
    return float(last - first)


@dataclass
class Usage:
    """Processor time of this harness' own processes (pytest, supervisor; not local Azure, not e2e.test) as a share of the host's."""

    share: float = 0.0
    _seen: dict[int, int] = field(default_factory=dict)
    _stop: Event = field(default_factory=Event)

    def __enter__(self) -> Usage:
        self._before = _host_ticks()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self.share = sum(self._seen.values()) / max(1, _host_ticks() - self._before)

    def _watch(self) -> None:
        while not self._stop.wait(1.0):
            for place in Path("/proc").glob("[0-9]*"):
                try:
                    if _ours((place / "cmdline").read_bytes()):
                        fields = (place / "stat").read_text().rpartition(") ")[2].split()
                        self._seen[int(place.name)] = int(fields[11]) + int(fields[12])
                except OSError:  # it has ended meanwhile
                    continue


def _ours(command: bytes) -> bool:
    return b"pytest" in command or b"execnet" in command or b"bin/harness\0run" in command


def _host_ticks() -> int:
    """Busy ticks of all processors since boot."""
    fields = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(fields[:3]) + sum(fields[5:8])


def run_ginkgo(folder: Path, settings: Settings, procs: int) -> float:
    """Seconds that ginkgo takes for the same specs on one fresh cluster."""
    build = open_builder(settings.cache).find(settings.source[0])
    assert build is not None, "the harness' own run has built it"
    ginkgo = build_ginkgo(folder, build.version)
    up = subprocess.run(
        [HARNESS, "up", "--reports", folder], cwd=TOP, stdout=subprocess.PIPE, text=True, timeout=1800, check=True
    )
    run = up.stdout.split()[-1]
    (kubeconfig,) = (folder / run / "cells").glob("*/kubeconfig")
    began = time.monotonic()
    try:
        subprocess.run(
            [
                ginkgo, f"--procs={procs}", "--timeout=24h", "--no-color", "--label-filter=Conformance",
                f"--json-report={folder}/ginkgo.json", build.folder / "bin" / "e2e.test", "--",
                f"--kubeconfig={kubeconfig}", f"--kubectl-path={build.folder}/bin/kubectl", "--provider=skeleton",
                f"--num-nodes={settings.workers}",
            ],
            stdout=subprocess.DEVNULL,
            timeout=LIMIT,
            check=False,
        )  # fmt: skip
        return time.monotonic() - began
    finally:
        subprocess.run([HARNESS, "down", "--run", run, "--reports", folder], cwd=TOP, timeout=600, check=True)


def build_ginkgo(folder: Path, kubernetes: str) -> Path:
    """The ginkgo command of the version that this release's e2e.test is compiled with, from its module."""
    toolchain = find_toolchain()
    asked = ["mod", "download", "-json", f"k8s.io/kubernetes@{kubernetes}"]
    said = toolchain.run(asked, "find the module of Kubernetes", cwd=folder, timeout=600)
    required = re.search(r"github\.com/onsi/ginkgo/v2 (\S+)", Path(json.loads(said)["GoMod"]).read_text())
    assert required, "e2e.test is a program of ginkgo"
    version = required[1]
    target = folder / "bin"
    toolchain.run(
        ["install", f"github.com/onsi/ginkgo/v2/ginkgo@{version}"],
        "compile ginkgo",
        cwd=folder,
        timeout=1800,
        env={"GOBIN": str(target), "GOFLAGS": ""},
    )
    assert shutil.which("ginkgo", path=str(target)), version
    return target / "ginkgo"


if __name__ == "__main__":
    sys.exit(main())
