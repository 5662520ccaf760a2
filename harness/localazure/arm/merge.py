"""How a PATCH, and the PUT of a virtual machine, change a body: objects merge, everything else replaces (RFC 7396)."""

from __future__ import annotations

from typing import Any


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``change`` applied; ``None`` removes a key. Neither argument is changed."""
    merged = dict(base)
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged
