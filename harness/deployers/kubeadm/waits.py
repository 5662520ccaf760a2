"""Settings of a cluster that only shorten what tests wait for, and change nothing of what they test.

On by default where the cloud says so, with ``--waits`` anywhere, and always listed in the report: who certifies a product, or hunts a
bug of timing, wants upstream's own numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Waits:
    """What differs from upstream's defaults."""

    apiserver: Mapping[str, str] = field(default_factory=dict)
    """Flags of kube-apiserver."""
    kubelet: Mapping[str, Any] = field(default_factory=dict)
    """Fields of KubeletConfiguration."""

    def listed(self) -> dict[str, str]:
        """For the report."""
        named = {f"kube-apiserver --{name}": value for name, value in self.apiserver.items()}
        return named | {f"kubelet {name}": str(value) for name, value in self.kubelet.items()}


SHORT = Waits(
    # a spec of list chunking waits for two compactions: ten minutes with the default of 5m
    apiserver={"etcd-compaction-interval": "1m"},
    # as upstream's own node jobs have them: test/e2e_node/jenkins/default-kubelet-config.yaml
    kubelet={"volumeStatsAggPeriod": "10s", "fileCheckFrequency": "10s"},
)


def waits(asked: str, usual: bool) -> Waits:
    """Those of the setting ``waits``; ``usual`` is what the cloud does when nothing is said."""
    return SHORT if asked == "short" or (asked == "auto" and usual) else Waits()
