"""The template names what the code names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import harness.deployers.kubeadm
from harness.deployers.kubeadm.names import names


def template() -> dict[str, Any]:
    path = Path(str(harness.deployers.kubeadm.__file__)).with_name("template.json")
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def test_names_agree() -> None:
    cluster = names("group", 1, 2)
    variables = template()["variables"]
    prefix = cluster.prefix
    for key, name in {
        "vnet": cluster.network,
        "securityGroup": cluster.security_group,
        "routeTable": cluster.route_table,
        "availabilitySet": cluster.availability_set,
    }.items():
        suffix = variables[key].removeprefix("[format('{0}").removesuffix("', parameters('prefix'))]")
        assert prefix + suffix == name


def test_everything_with_tags_takes_the_runs_tags() -> None:
    for resource in template()["resources"]:
        if "location" in resource:
            assert resource["tags"] == "[parameters('tags')]", resource["type"]


def test_addresses_start_where_azure_lets_them() -> None:
    nodes = names("group", 1, 2).nodes
    assert [node.address for node in nodes] == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]
    assert [node.role for node in nodes] == ["control-plane", "worker", "worker"]
    assert names("group", 1, 2) != names("other", 1, 2)
