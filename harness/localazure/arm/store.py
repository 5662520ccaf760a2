"""The resources of local Azure: in memory for reading, in SQLite for surviving.

Everything fits in memory (a cluster is some fifty resources), so reads never touch the database; each write is one transaction
of a write-ahead log. The log is not synced to the platter: a killed process loses nothing, and a host that lost power lost
its machines anyway.
"""

from __future__ import annotations

import copy
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.localazure.arm.ids import ResourceId, parse_id

_TABLES = """
create table if not exists resources (key text primary key, id text not null, body text not null, internal text not null,
  etag text not null, state text not null, created real not null, changed real not null);
create table if not exists facts (name text primary key, value text not null);
"""


@dataclass(frozen=True)
class Resource:
    """A resource as wanted: what was PUT, defaults and allocated values filled in. What others tell about it is derived on reading."""

    id: ResourceId
    body: dict[str, Any]
    internal: dict[str, Any] = field(default_factory=dict)
    """What is remembered but never shown: power state, custom data."""
    etag: str = ""
    state: str = "Succeeded"
    """``provisioningState``."""
    created: float = 0.0
    changed: float = 0.0

    @property
    def properties(self) -> dict[str, Any]:
        """``properties`` of the body."""
        found: dict[str, Any] = self.body.get("properties", {})
        return found

    def copy_body(self) -> dict[str, Any]:
        """A body that may be changed."""
        return copy.deepcopy(self.body)


class Store:
    """All resources, by id and by type. Values are never changed in place: replace them by :meth:`put`."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("pragma journal_mode=wal")
        self._database.execute("pragma synchronous=off")
        self._database.executescript(_TABLES)
        self._all: dict[str, Resource] = {}
        self._types: dict[str, dict[str, Resource]] = {}
        rows = self._database.execute(
            "select id, body, internal, etag, state, created, changed from resources order by created, rowid"
        )
        for text, body, internal, *rest in rows.fetchall():
            self._keep(Resource(parse_id(text), json.loads(body), json.loads(internal), *rest))

    def close(self) -> None:
        self._database.close()

    def get(self, resource_id: ResourceId | str) -> Resource | None:
        """The resource with this id, in any spelling."""
        return self._all.get(resource_id.lower() if isinstance(resource_id, str) else resource_id.key)

    def of_type(self, kind: str) -> list[Resource]:
        """Every resource of a type, by age."""
        return list(self._types.get(kind.lower(), {}).values())

    def below(self, scope: ResourceId) -> list[Resource]:
        """Everything that hangs below a subscription, group or resource, the scope itself left out, by age."""
        return [resource for key, resource in self._all.items() if key.startswith(scope.key + "/")]

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._all.values()))

    def put(self, resource_id: ResourceId, body: dict[str, Any], internal: dict[str, Any], state: str) -> Resource:
        """Create or replace, with a new etag; the spelling of the id stays that of its creation."""
        before = self._all.get(resource_id.key)
        now = time.time()
        resource = Resource(
            id=before.id if before else resource_id,
            body=body,
            internal=internal,
            etag=f'W/"{uuid.uuid4()}"',
            state=state,
            created=before.created if before else now,
            changed=now,
        )
        self._write(resource)
        return resource

    def set_state(self, resource_id: ResourceId, state: str, **internal: Any) -> Resource:
        """Change the provisioning state (and remembered facts) only; the etag stays."""
        before = self._all[resource_id.key]
        if before.state == state and not internal:
            return before
        resource = replace(before, state=state, internal={**before.internal, **internal})
        self._write(resource)
        return resource

    def delete(self, resource_id: ResourceId) -> None:
        self._database.execute("delete from resources where key = ?", (resource_id.key,))
        resource = self._all.pop(resource_id.key, None)
        if resource:
            self._types[resource.id.type.lower()].pop(resource_id.key, None)

    def fact(self, name: str) -> str:
        """A remembered fact of this server (ports, subscription); empty if there is none."""
        row = self._database.execute("select value from facts where name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def remember(self, name: str, value: str) -> None:
        """Remember a fact."""
        self._database.execute("insert or replace into facts values (?, ?)", (name, value))

    def _keep(self, resource: Resource) -> None:
        self._all[resource.id.key] = resource
        self._types.setdefault(resource.id.type.lower(), {})[resource.id.key] = resource

    def _write(self, resource: Resource) -> None:
        self._database.execute(
            "insert or replace into resources values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                resource.id.key,
                str(resource.id),
                json.dumps(resource.body),
                json.dumps(resource.internal),
                resource.etag,
                resource.state,
                resource.created,
                resource.changed,
            ),
        )
        self._keep(resource)
