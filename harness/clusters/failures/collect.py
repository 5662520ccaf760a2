"""The whole way of one failure: read its namespaces, let them go, then read what does not go away with them.

Namespaces come first because the test's clean-up, and the next tests, wait for nobody. Every part is independent: one that fails leaves a
sentence in the manifest and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Lock
from typing import Any

from azure.core.exceptions import AzureError
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from harness.clouds.api import Cloud
from harness.clusters.api import Cluster
from harness.clusters.failures import reading
from harness.clusters.failures.api import MANIFEST, Evidence, Failure, Limits
from harness.clusters.failures.folder import Allowance, EvidenceFolder
from harness.clusters.failures.namespaces import LABEL, left_by
from harness.clusters.failures.reading import Part
from harness.clusters.kube import UNREACHABLE, describe, items, limits, open_client
from harness.errors import HarnessError
from harness.redact.secrets import Secrets

_GONE = 404


@dataclass
class Collector:
    """Collects for the failures of one cluster; several threads may."""

    cloud: Cloud
    cluster: Cluster
    folder: Path
    """``cells/<cell>/failures``."""
    limits: Limits
    allowance: Allowance
    secrets: Secrets
    """Of the run, which nothing may tell that is kept."""

    def __post_init__(self) -> None:
        self._node = {node.name: Lock() for node in self.cluster.nodes}
        """Azure runs one command at a time on a machine."""

    def collect(self, failure: Failure) -> Evidence:
        """Write the failure's folder; never raises for one part."""
        began = time.monotonic()
        folder = EvidenceFolder(self.folder / failure.folder, self.limits, self.allowance, self.secrets)
        folder.path.mkdir(parents=True, exist_ok=True)
        with closing(open_client(self.cluster.kubeconfig)) as api:
            namespaces = self._namespaces(api, failure, folder)
            if not self.allowance.spent:
                self._keep(folder, self._parts(api, namespaces, failure, folder))
            self._let_go(api, namespaces, folder)
            if not self.allowance.spent:
                self._keep(folder, reading.of_provider(api, self.cloud, self.cluster, failure))
                self._journals(api, failure, folder)
            else:
                folder.problems.append(f"not everything was read: the {self.limits.run:,} bytes of the run are used up")
        evidence = Evidence(
            nodeid=failure.nodeid,
            started=failure.started,
            since=failure.since,
            until=failure.until,
            namespaces=tuple(namespaces),
            files=tuple(folder.files),
            problems=tuple(self.secrets.mask(problem) for problem in folder.problems),
            seconds=round(time.monotonic() - began, 3),
        )
        (folder.path / MANIFEST).write_text(evidence.dump())
        return evidence

    def _namespaces(self, api: client.ApiClient, failure: Failure, folder: EvidenceFolder) -> Sequence[str]:
        """Those it names; of a lost test, those of its process."""
        if failure.namespaces or not failure.runs:
            return failure.namespaces
        core = client.CoreV1Api(api)
        try:
            selector = f"{LABEL} in ({','.join(sorted(failure.runs))})"
            found = items(core.list_namespace, label_selector=selector)
            return left_by(found, failure.runs, failure.started, failure.ended, _ahead(core))
        except UNREACHABLE as error:
            folder.problems.append(f"its namespaces could not be looked for: {describe(error)}")
            return ()

    def _parts(
        self, api: client.ApiClient, namespaces: Sequence[str], failure: Failure, folder: EvidenceFolder
    ) -> Iterable[Part]:
        try:
            yield from reading.of_namespaces(api, namespaces, failure)
        except UNREACHABLE as error:
            folder.problems.append(f"namespaces: {describe(error)}")

    def _keep(self, folder: EvidenceFolder, parts: Iterable[Part]) -> None:
        for part in parts:
            try:
                folder.keep(part.name, part.read(), end=part.end)
            except (HarnessError, AzureError, *UNREACHABLE) as error:
                why = str(error) if isinstance(error, HarnessError) else describe(error)
                folder.problems.append(f"{part.name}: {why}")

    def _journals(self, api: client.ApiClient, failure: Failure, folder: EvidenceFolder) -> None:
        for node in self.cluster.nodes:
            with self._node[node.name]:
                self._keep(folder, [reading.of_node(api, self.cloud, self.cluster, node, failure)])

    def _let_go(self, api: client.ApiClient, namespaces: Sequence[str], folder: EvidenceFolder) -> None:
        """Delete the namespaces: the test left that to whoever reads them."""
        core = client.CoreV1Api(api)
        for name in namespaces:
            if name == "default" or name.startswith("kube-"):
                continue
            try:
                core.delete_namespace(name, _request_timeout=limits())
            except UNREACHABLE as error:
                if not (isinstance(error, ApiException) and error.status == _GONE):
                    folder.problems.append(f"namespace {name} could not be deleted: {describe(error)}")


def _ahead(core: client.CoreV1Api) -> float:
    """Seconds by which the API server's clock is ahead of ours, to the second below."""
    answer: Any = core.list_namespace(limit=1, _preload_content=False, _request_timeout=limits())
    said = answer.headers.get("Date", "")
    return parsedate_to_datetime(said).timestamp() - int(time.time()) if said else 0.0
