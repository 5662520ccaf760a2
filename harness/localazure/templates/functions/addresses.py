"""CIDR functions. Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-cidr"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from harness.localazure.templates.functions.signature import table
from harness.localazure.templates.values import FunctionError


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise FunctionError(f"'{text}' is not a network in CIDR form") from error


def _parse_cidr(text: str) -> dict[str, Any]:
    network = _network(text)
    whole = network.prefixlen >= network.max_prefixlen - 1
    parsed: dict[str, Any] = {
        "network": str(network.network_address),
        "netmask": str(network.netmask),
        "firstUsable": str(network[0] if whole else network[1]),
        "lastUsable": str(network[-1] if whole or network.version == 6 else network[-2]),
        "cidr": network.prefixlen,
    }
    if network.version == 4:
        parsed["broadcast"] = str(network.broadcast_address)
    return parsed


def _cidr_subnet(text: str, prefix: int, index: int) -> str:
    network = _network(text)
    if not network.prefixlen <= prefix <= network.max_prefixlen:
        raise FunctionError(f"/{prefix} does not divide {network}")
    if not 0 <= index < 2 ** (prefix - network.prefixlen):
        raise FunctionError(
            f"{network} has {2 ** (prefix - network.prefixlen)} networks of /{prefix}, there is none of index {index}"
        )
    start = int(network.network_address) + index * 2 ** (network.max_prefixlen - prefix)
    return f"{type(network.network_address)(start)}/{prefix}"


def _cidr_host(text: str, index: int) -> str:
    """The usable address of this index; index 0 is the first after the network's own address."""
    network = _network(text)
    position = index + 1 if network.prefixlen < network.max_prefixlen - 1 else index
    if index < 0 or position >= network.num_addresses:
        raise FunctionError(f"{network} has no host of index {index}")
    return str(network[position])


ADDRESSES = table(parseCidr=_parse_cidr, cidrSubnet=_cidr_subnet, cidrHost=_cidr_host)
