"""Folders of runs as the rooms below leave them, made without running anything."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.clusters.api import Cluster, Node
from harness.errors import Outcome
from harness.reporting.api import ResultStep, TestResult
from harness.reporting.results import dump
from harness.runs.api import Cell, Plan
from harness.settings import Settings

CELL = "v1.37.2-kubeadm-westeurope"
RUN = "20261123-223010-a1b2"
START = 1_795_473_010.0


@dataclass
class Folder:
    """A run's folder in the making; ``at`` is its clock, in seconds since the run began."""

    path: Path
    cells: Sequence[str] = (CELL,)
    at: float = 0.0
    settings: Settings = Settings()  # noqa: RUF009 # frozen
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        cells = tuple(Cell(name, "module:v1.37.2", "kubeadm", "westeurope") for name in self.cells)
        suites = ("conformance", "loadbalancer", "pod_networking", "volumes")
        plan = Plan(RUN, "local", cells, suites, "maria", START + 21_600)
        raw = {"settings": self.settings.to_json(), "plan": asdict(plan)}
        (self.path / "plan.json").write_text(json.dumps(raw))
        (self.path / "build-log.txt").write_text("")

    def ledger(self, kind: str, cell: str = "", **fields: Any) -> None:
        self.lines.append(json.dumps({"v": 1, "at": START + self.at, "kind": kind, "cell": cell, **fields}))
        (self.path / "ledger.jsonl").write_text("\n".join(self.lines) + "\n")

    def phase(self, phase: str, seconds: float, outcome: str = "passed", cell: str = CELL, **fields: Any) -> None:
        """A phase that begins now and takes this long."""
        self.ledger("phase", cell, phase=phase, state="started")
        self.at += seconds
        state = outcome if outcome in ("passed", "skipped") else "failed"
        self.ledger("phase", cell, phase=phase, state=state, outcome=outcome, seconds=seconds, **fields)

    def started(self) -> None:
        self.ledger("run", state="started", run=RUN, pid=2**22, pid_started="gone:1")

    def ended(self, outcome: str = "passed") -> None:
        self.ledger("run", state="ended", run=RUN, pid=2**22, pid_started="gone:1", outcome=outcome)

    def up(self, cell: str = CELL) -> None:
        """Everything until tests begin, well."""
        self.started()
        self.phase("plan", 0.4, cell="")
        self.phase("build", 1.2, cell=cell)
        self.ledger("creating", cell, resource="resourceGroup", name=f"harness-{RUN}-1", cloud="local")
        self.phase("up", 21.5, cell=cell)
        self.phase("readiness", 12.3, cell=cell)
        self.cluster(cell)

    def cluster(self, cell: str = CELL) -> None:
        path = self.path / "cells" / cell / "cluster.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        roles = ("control-plane", "worker", "worker")
        nodes = tuple(Node(f"node-{index}", f"10.0.0.{index + 4}", role) for index, role in enumerate(roles))
        Cluster(
            RUN, cell, "v1.37.2", "local", "westeurope", f"harness-{RUN}-1", "https://203.0.113.4:6443",
            path.with_name("kubeconfig"), self.path, nodes, "10.244.0.0/16", "10.96.0.0/16", "net", "nodes", "rt", "nsg",
        ).save(path)  # fmt: skip
        self.ledger("cluster", cell, path=str(path))

    def down(self, cell: str = CELL, collected: bool = False) -> None:
        if collected:
            self.phase("collect", 2.1, cell=cell)
        self.phase("down", 1.4, cell=cell)
        self.phase("leak-check", 0.1, cell=cell)
        self.ledger("gone", cell, resource="resourceGroup", name=f"harness-{RUN}-1")

    def results(self, results: Iterable[TestResult]) -> None:
        with (self.path / "results.jsonl").open("a") as file:
            for result in results:
                file.write(dump(result) + "\n")

    def planned(self, names: Sequence[Any]) -> None:
        (self.path / "planned.json").write_text(json.dumps(names))


def result(name: str, outcome: Outcome = Outcome.PASSED, **fields: Any) -> TestResult:
    """A test of the conformance suite, with what matters given."""
    defaults: dict[str, Any] = {
        "nodeid": f"suites/conformance/specs.yaml::{name}",
        "suite": "conformance",
        "cell": CELL,
        "name": name,
        "classname": "conformance.sig-apps",
        "seconds": 1.0,
        "started": START + 40,
        "worker": "gw0",
    }
    return TestResult(outcome=outcome, **defaults | fields)


def many(number: int, workers: int = 12, seed: int = 1) -> list[TestResult]:
    """A believable run of this many tests: longest first, side by side."""
    chance = random.Random(seed)
    areas = {
        "conformance": (
            "sig-apps",
            "sig-network",
            "sig-node",
            "sig-storage",
            "sig-api-machinery",
            "sig-auth",
            "sig-cli",
        ),
        "loadbalancer": ("test_tcp", "test_udp", "test_affinity"),
        "pod_networking": ("test_paths", "test_dns"),
        "volumes": ("test_disk", "sig-storage"),
    }
    things = ("Job", "Deployment", "Service", "StatefulSet", "ConfigMap", "Secret", "Pod", "EndpointSlice", "Volume")
    deeds = (
        "should be consumable in multiple volumes in the same pod",
        "should run through the lifecycle of a resource and keep its status",
        "should serve endpoints on same port and different protocols",
        "should delete a resource when its owner is gone",
        "should be able to change the type from ExternalName to NodePort",
    )
    clocks = [40.0] * workers
    results = []
    for index, seconds in enumerate(sorted((chance.lognormvariate(1.6, 0.9) for _ in range(number)), reverse=True)):
        worker = clocks.index(min(clocks))
        suite = chance.choices(list(areas), weights=(8, 1, 1, 1))[0]
        area = chance.choice(areas[suite])
        name = f"[{area}] {chance.choice(things)} {chance.choice(deeds)} {index}"
        steps = (ResultStep("Creating a kubernetes client", 0.0), ResultStep("Building a namespace api object", 0.1))
        results.append(
            result(
                name, nodeid=f"suites/{suite}/x::{name}", suite=suite, classname=f"{suite}.{area}", seconds=seconds,
                started=START + clocks[worker], worker=f"gw{worker}", steps=steps,
                stdout="I1123 22:31:02.120 creating namespace e2e-tests-abc\n" * 40,
            )
        )  # fmt: skip
        clocks[worker] += seconds + 0.05
    return results
