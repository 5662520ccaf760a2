"""Everything an expression may ask about while it is evaluated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from harness.localazure.templates.api import Lookup, Scope
from harness.localazure.templates.values import UNKNOWN, FunctionError


class Runtime(Protocol):
    """What a function that needs an existing resource does: refuse, note what is asked for, or look it up."""

    def read(self, resource_id: str, api_version: str, full: bool, action: str, function: str) -> Any: ...


@dataclass(frozen=True)
class Forbidden:
    """For places that are evaluated before anything is deployed: names, conditions, loop counts, variables, defaults."""

    place: str

    def read(self, resource_id: str, api_version: str, full: bool, action: str, function: str) -> Any:
        raise FunctionError(f"{function}() needs a deployed resource and cannot be used in {self.place}")


@dataclass(frozen=True)
class Recording:
    """For resource bodies before deployment: notes the ids asked for, which are dependencies."""

    ids: list[str] = field(default_factory=list)

    def read(self, resource_id: str, api_version: str, full: bool, action: str, function: str) -> Any:
        self.ids.append(resource_id)
        return UNKNOWN


@dataclass(frozen=True)
class Live:
    """For resource bodies and outputs while deploying."""

    lookup: Lookup

    def read(self, resource_id: str, api_version: str, full: bool, action: str, function: str) -> Any:
        return self.lookup(resource_id, api_version, full, action)


@dataclass(frozen=True)
class Declared:
    """A resource of the template, as ``reference('name')`` and ``dependsOn`` find it."""

    id: str
    type: str
    name: str
    api_version: str
    symbol: str = ""
    """Symbolic name, with the index behind it in a loop: ``nic[0]``; empty in templates without symbolic names."""
    loop: str = ""
    """Name of the resource loop it comes from."""
    deployed: bool = True
    """False for ``existing`` ones and those whose condition is false."""


class Names(Protocol):
    """The resources that a template declares."""

    def find(self, text: str) -> Sequence[Declared]:
        """Those that this id, name, ``type/name``, symbolic name or loop name stands for; may be empty."""
        ...

    def is_loop(self, text: str) -> bool:
        """Whether a loop has this name, be it one of no turns."""
        ...


@dataclass(frozen=True)
class UserFunction:
    """A function defined by the template: the names of its parameters, and its output's expression."""

    parameters: tuple[str, ...]
    output: Any


@dataclass(frozen=True)
class Context:
    """One moment of evaluation."""

    scope: Scope
    deployment: Mapping[str, Any]
    """What ``deployment()`` answers."""
    parameters: Callable[[str], Any]
    variables: Callable[[str], Any]
    functions: Mapping[str, UserFunction]
    """By lower-case name with namespace."""
    names: Names
    runtime: Runtime
    now: datetime | None = None
    """Set only where ``utcNow()`` and ``newGuid()`` are allowed: defaults of parameters."""
    loops: Mapping[str, int] = field(default_factory=dict)
    """Index of each named loop around the expression, by lower-case name."""
    loop: int | None = None
    """Index of the loop that ``copyIndex()`` without a name means."""
    bound: Mapping[str, Any] = field(default_factory=dict)
    """Variables of the lambdas around the expression."""

    def at(self, runtime: Runtime) -> Context:
        return dataclasses.replace(self, runtime=runtime)

    def inside(self, loop: str, index: int, *, nameless: bool) -> Context:
        """Within one turn of a loop; ``nameless`` when ``copyIndex()`` without a name means it."""
        loops = {**self.loops, loop.lower(): index}
        return dataclasses.replace(self, loops=loops, loop=index if nameless else self.loop)

    def binding(self, names: Sequence[str], values: Sequence[Any]) -> Context:
        bound = {**self.bound, **dict(zip((name.lower() for name in names), values, strict=True))}
        return dataclasses.replace(self, bound=bound)
