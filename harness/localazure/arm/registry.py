"""Finds resource types and routes: every module in a package that offers some, no list to edit."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

from harness.localazure.arm.api import ResourceType, Route
from harness.localazure.arm.errors import ArmError


class Registry:
    """All resource types and routes of a package."""

    def __init__(self, package: ModuleType) -> None:
        self._types: dict[str, ResourceType] = {}
        self._inline: dict[str, str] = {}
        self._routes: list[tuple[str, re.Pattern[str], Route]] = []
        for found in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            for kind in getattr(module, "RESOURCE_TYPES", ()):
                self._types[kind.type.lower()] = kind
                for child, place in kind.children.items():
                    self._inline[f"{kind.type}/{child}".lower()] = place
            for route in getattr(module, "ROUTES", ()):
                self._routes.append((route.method, _compile(route.pattern), route))

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(self._types.values())

    def find(self, kind: str) -> ResourceType | None:
        return self._types.get(kind.lower())

    def require(self, kind: str) -> ResourceType:
        """The type; raises ``ArmError`` as ARM does for a type or provider it does not know."""
        if found := self.find(kind):
            return found
        namespace, _, rest = kind.partition("/")
        if not any(known.startswith(namespace.lower() + "/") for known in self._types):
            raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")
        raise ArmError(
            404,
            "InvalidResourceType",
            f"The resource type '{rest}' could not be found in the namespace '{namespace}'.",
        )

    def inline_place(self, kind: str) -> str:
        """For a nested type that lives in its parent's body: the property it lives in; empty otherwise."""
        return self._inline.get(kind.lower(), "")

    def inline_types(self) -> list[str]:
        """Names of the nested types that live in their parent, lower case."""
        return list(self._inline)

    def route(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a path, with the named parts of it."""
        for wanted, pattern, route in self._routes:
            if wanted == method and (match := pattern.fullmatch(path.rstrip("/"))):
                return route, match.groupdict()
        return None


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), re.IGNORECASE)
