"""Every setting of the harness: defaults < harness.toml < HARNESS_* environment < flags.

The fields of :class:`Settings` are the one list: command-line flags (``harness ...`` and ``pytest ...``), environment names and
keys of harness.toml are all made from it, and so is docs/reference/settings.md. A field's metadata holds its help and, where
the set is closed, what is allowed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def _setting(default: Any, help: str, *, choices: tuple[str, ...] = (), metavar: str = "") -> Any:
    """A field with its help text; ``choices`` closes the set of allowed values."""
    return field(default=default, metadata={"help": help, "choices": choices, "metavar": metavar})


@dataclass(frozen=True)
class Settings:
    """What one run is asked to do. Tuples are repeatable flags; paths are absolute once loaded."""

    cloud: str = _setting("local", "Cloud to run on.", choices=("local", "azure"))
    source: tuple[str, ...] = _setting(
        ("module:v1.37.2",), "Kubernetes to test: module:VERSION (repeatable).", metavar="SOURCE"
    )
    deployer: tuple[str, ...] = _setting(("kubeadm",), "How clusters come up (repeatable).", metavar="NAME")
    location: tuple[str, ...] = _setting(("westeurope",), "Cloud location (repeatable).", metavar="NAME")
    suite: tuple[str, ...] = _setting(
        (), "Suites under suites/ to run; all when not given (repeatable).", metavar="NAME"
    )
    conformance: str = _setting(
        "fast",
        "Which conformance specs: a fast selection over every SIG, or the whole label.",
        choices=("fast", "full"),
    )
    tests: int = _setting(
        12, "Tests at the same time; they mostly wait, so this follows the cluster, not the CPUs.", metavar="N"
    )
    control_planes: int = _setting(1, "Control-plane machines of a cluster.", metavar="N")
    workers: int = _setting(2, "Worker machines of a cluster; conformance needs two.", metavar="N")
    deadline: str = _setting("2h", "Limit for the whole run, teardown included: 90s, 30m, 2h.", metavar="DURATION")
    keep: str = _setting("never", "Keep clusters after the run.", choices=("never", "on-failure", "always"))
    expires: str = _setting("6h", "Age at which sweep may delete what the run left.", metavar="DURATION")
    owner: str = _setting("", "Owner tag; the login name when not given.", metavar="NAME")
    reports: Path = _setting(Path("reports"), "Folder that receives one folder a run.", metavar="DIR")
    cache: Path = _setting(
        Path("~/.cache/kubernetes-azure-harness"), "Builds and images, content-addressed.", metavar="DIR"
    )
    state: Path = _setting(
        Path("~/.local/state/kubernetes-azure-harness"), "Local Azure's store and machines.", metavar="DIR"
    )
    subscription: str = _setting("", "Azure subscription id; AZURE_SUBSCRIPTION_ID when not given.", metavar="ID")
    vm_size: str = _setting("Standard_D2s_v5", "Size of every machine.", metavar="SIZE")
    storage_account: str = _setting(
        "", "Storage account for builds on Azure (nodes fetch from it by SAS URL).", metavar="NAME"
    )
    hold: str = _setting("10s", "How long a cluster must stay ready before tests start.", metavar="DURATION")

    def changed(self, **values: Any) -> Settings:
        """A copy with these fields replaced."""
        return dataclasses.replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        """Plain data that :meth:`from_json` reads back."""
        return {
            item.name: str(value) if isinstance(value := getattr(self, item.name), Path) else value
            for item in dataclasses.fields(self)
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Settings:
        """Read what :meth:`to_json` wrote."""
        values: dict[str, Any] = {
            item.name: Path(raw[item.name])
            if isinstance(item.default, Path)
            else tuple(raw[item.name])
            if isinstance(item.default, tuple)
            else raw[item.name]
            for item in dataclasses.fields(cls)
        }
        return cls(**values)
