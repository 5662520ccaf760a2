"""What is the same for every resource: check, store, make real, show, delete."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from weakref import WeakValueDictionary

from harness.errors import HarnessError
from harness.localazure.arm.api import Body, ResourceType
from harness.localazure.arm.errors import ArmError, group_not_found, invalid, not_found
from harness.localazure.arm.faults.api import Making
from harness.localazure.arm.ids import GROUP_TYPE, ResourceId
from harness.localazure.arm.limits import Limits
from harness.localazure.arm.locking import check_locks
from harness.localazure.arm.registration import check_registered
from harness.localazure.arm.registry import Registry
from harness.localazure.arm.shape import clean, show
from harness.localazure.arm.store import Resource, Store
from harness.localazure.arm.undone import Undone
from harness.localazure.fabric.api import Fabric

_AS_USUAL = Making()


class Networks(Protocol):
    """Keeps the virtual networks of the fabric equal to the store."""

    async def settle(self) -> None:
        """Apply what changed."""
        ...


class Inner(Protocol):
    """Sees every call that ARM makes by itself: for a deployment, for a group's deletion."""

    def meet(self, method: str, resource_id: ResourceId, location: str) -> AbstractAsyncContextManager[Making]:
        """Entered before the call is made and left after it, with its error if it has one; may refuse it by ``ArmError``."""
        ...


class Engine:
    """Implements :class:`harness.localazure.arm.api.Arm`."""

    def __init__(
        self,
        store: Store,
        types: Registry,
        fabric: Fabric,
        networks: Networks,
        *,
        subscription: str,
        tenant: str,
        sign_url: Callable[[str, str], str],
        public_offset: int = 0,
        inner: Inner | None = None,
    ) -> None:
        self.store = store
        self._types = types
        self.fabric = fabric
        self.networks = networks
        self.subscription = subscription
        self.tenant = tenant
        self.endpoint = ""
        self.limits = Limits(store)
        self.public_offset = public_offset
        self.sign_url = sign_url
        self.stopping = False
        """The server stops: what is cut off now goes on after the next start."""
        self._inner = inner
        self._undone = Undone()
        self._background: dict[str, asyncio.Task[object]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def type_of(self, kind: str) -> ResourceType:
        return self._types.require(kind)

    def types(self) -> Iterable[ResourceType]:
        return self._types

    async def settle(self) -> None:
        await self.networks.settle()

    def show(self, resource: Resource) -> Body:
        kind = self.type_of(resource.id.type)
        view = show(kind, resource)
        kind.show(self, resource, view)
        return view

    def require(self, resource_id: ResourceId) -> Resource:
        self.require_group(resource_id)
        if found := self.store.get(resource_id):
            return found
        if resource_id.type.lower() == GROUP_TYPE.lower():
            raise group_not_found(resource_id.name)
        self.type_of(resource_id.type)
        raise not_found("/".join(resource_id.names), resource_id.type, resource_id.group)

    def require_group(self, resource_id: ResourceId) -> None:
        """Raise 404 unless the resource group (and the subscription) exist."""
        if resource_id.subscription.lower() != self.subscription.lower():
            raise ArmError(
                404, "SubscriptionNotFound", f"The subscription '{resource_id.subscription}' could not be found."
            )
        if (group := resource_id.group_id) and not self.store.get(group) and group.key != resource_id.key:
            raise group_not_found(group.name)

    def read(self, resource_id: ResourceId) -> Body:
        """What a GET answers, also for a resource that lives inside its parent."""
        if place := self._types.inline_place(resource_id.type):
            assert resource_id.parent is not None
            for item in self.read(resource_id.parent)["properties"].get(place, []):
                if item["name"].lower() == resource_id.name.lower():
                    return dict(item)
            raise ArmError(404, "NotFound", f"Resource {resource_id} not found.")
        return self.show(self.require(resource_id))

    def read_children(self, parent: ResourceId, kind: str) -> list[Body] | None:
        """All resources of a nested type that live in a parent; ``None`` if there is no such nested type."""
        place = self._types.inline_place(f"{parent.type}/{kind}")
        return list(self.read(parent)["properties"].get(place, [])) if place else None

    async def put(
        self,
        resource_id: ResourceId,
        body: Body,
        *,
        if_match: str = "",
        if_none_match: str = "",
        patch: bool = False,
        accepted: asyncio.Future[Resource] | None = None,
        making: Making = _AS_USUAL,
    ) -> Resource:
        """Create or update, and make real.

        :param patch: a PATCH: the resource must exist, and what the body does not name stays.
        :param accepted: set to the resource once it is stored, for a client that is to poll.
        :param making: what a fault does between storing and making it real.
        """
        if place := self._types.inline_place(resource_id.type):
            resource = await self._put_inline(resource_id, place, body, if_match)
        else:
            resource = await self._put(resource_id, body, (if_match, if_none_match), patch, accepted, making)
        if making.after:
            if self.store.get(resource.id):
                self.store.set_state(resource.id, "Failed")
            raise making.after
        return resource

    async def _put(
        self,
        resource_id: ResourceId,
        body: Body,
        conditions: tuple[str, str],
        patch: bool,
        accepted: asyncio.Future[Resource] | None,
        making: Making,
    ) -> Resource:
        kind = self.type_of(resource_id.type)
        if "PUT" in kind.background and self.locked(resource_id).locked():
            raise ArmError(409, "DeploymentActive", f"Unable to change '{resource_id.name}': it is still running.")
        self._undone.give_up(resource_id)
        async with self.locked(resource_id):
            before = self.store.get(resource_id)
            resource = self._accept(kind, resource_id, body, before, *conditions, patch=patch)
            resource = self.store.set_state(resource_id, resource.state, **making.facts)
            if accepted and not accepted.done():
                accepted.set_result(resource)
            await asyncio.sleep(making.delay)
            if not making.never:
                return await self._realise(kind, resource, before, making.instead)
            left = self._undone.leave(resource_id)
        await left  # outside the lock, so that a deletion can come between
        return resource

    async def delete(
        self,
        resource_id: ResourceId,
        *,
        if_match: str = "",
        force: bool = False,
        accepted: asyncio.Future[Resource] | None = None,
        making: Making = _AS_USUAL,
    ) -> bool:
        if place := self._types.inline_place(resource_id.type):
            gone = await self._delete_inline(resource_id, place, if_match)
        else:
            gone = await self._delete(resource_id, if_match, force, accepted, making)
        if making.after:
            raise making.after
        return gone

    async def _delete(
        self,
        resource_id: ResourceId,
        if_match: str,
        force: bool,
        accepted: asyncio.Future[Resource] | None,
        making: Making,
    ) -> bool:
        kind = self.type_of(resource_id.type)
        self.require_group(resource_id)
        self.cancel(resource_id)
        self._undone.give_up(resource_id)
        known = self.store.get(resource_id)
        if known and known.state == "Deleting" and self.locked(resource_id).locked() and accepted:
            accepted.set_result(known)  # it goes already: asked for twice, deleted once
        async with self.locked(resource_id):
            before = self.store.get(resource_id)
            if not before:
                return False
            _match(before, if_match, "")
            if not force:
                check_locks(self.store, resource_id)
                kind.check_unused(self, before)
            self.store.set_state(resource_id, "Deleting")
            if accepted and not accepted.done():
                accepted.set_result(before)
            await asyncio.sleep(making.delay)
            if not making.never:
                return await self._remove(kind, before, making.instead)
            left = self._undone.leave(resource_id)
        await left
        return True

    async def _remove(self, kind: ResourceType, resource: Resource, instead: ArmError | None) -> bool:
        """Undo and forget a resource that is locked and in state Deleting; ``instead``: fail with this."""
        try:
            if instead:
                raise instead
            await kind.unmake(self, resource)
        except BaseException:
            self.store.set_state(resource.id, "Failed")
            if kind.networked:
                with contextlib.suppress(HarnessError):  # what made the deletion fail is what matters
                    await self.settle()
            raise
        kind.forget(self, resource)
        self.store.delete(resource.id)
        if kind.networked:
            await self.settle()
        return True

    async def put_inside(self, resource_id: ResourceId, body: Body) -> Resource:
        if self._inner is None:
            return await self.put(resource_id, body)
        async with self._inner.meet("PUT", resource_id, str(body.get("location", ""))) as making:
            return await self.put(resource_id, body, making=making)

    async def delete_inside(self, resource_id: ResourceId) -> bool:
        found = self.store.get(resource_id)
        if self._inner is None or found is None:
            return await self.delete(resource_id)
        async with self._inner.meet("DELETE", resource_id, str(found.body.get("location", ""))) as making:
            return await self.delete(resource_id, making=making)

    def abandon(self) -> None:
        """The server stops: end what would never end."""
        self.stopping = True
        self._undone.give_up_all()

    async def make_again(self, resource: Resource) -> None:
        """Make a stored resource real after a restart, or go on deleting it."""
        kind = self.type_of(resource.id.type)
        if resource.state == "Deleting":
            await self.delete(resource.id, force=True)
        else:
            async with self.locked(resource.id):
                await self._realise(kind, resource, resource)

    def _accept(
        self,
        kind: ResourceType,
        resource_id: ResourceId,
        body: Body,
        before: Resource | None,
        if_match: str,
        if_none_match: str,
        patch: bool,
    ) -> Resource:
        """Everything up to the write; no other request can come between."""
        self.require_group(resource_id)
        check_registered(self.store, resource_id.namespace)
        group = self.store.get(resource_id.group_id) if resource_id.group_id else None
        for holder in (group, before):
            if holder and holder.state == "Deleting":
                raise ArmError(409, "ResourceGroupBeingDeleted", f"'{holder.id}' is being deleted.")
        if patch and not before:
            self.require(resource_id)
        _match(before, if_match, if_none_match)
        wanted = kind.accept(self, resource_id, clean(kind, resource_id, body, before, patch=patch), before)
        state = "Creating" if before is None else "Updating"
        return self.store.put(resource_id, wanted.body, wanted.internal, state)

    async def _realise(
        self, kind: ResourceType, resource: Resource, before: Resource | None, instead: ArmError | None = None
    ) -> Resource:
        """Make a resource real that is locked and stored; ``instead``: fail with this."""
        task = asyncio.current_task()
        if "PUT" in kind.background and task:
            self._background[resource.id.key] = task
        try:
            if instead:
                raise instead
            await kind.make(self, resource, before)
            if kind.networked:
                await self.settle()
        except ArmError:
            self.store.set_state(resource.id, "Failed")
            raise
        except HarnessError as error:
            self.store.set_state(resource.id, "Failed")
            # not 500, which clients would repeat forty times
            raise ArmError(409, "InternalExecutionError", f"Making {resource.id} real failed: {error}") from error
        except asyncio.CancelledError:
            if not self.stopping:
                self.store.set_state(resource.id, "Canceled")
            raise
        except BaseException:
            self.store.set_state(resource.id, "Failed")
            raise
        finally:
            self._background.pop(resource.id.key, None)
        return self.store.set_state(resource.id, "Succeeded")

    def cancel(self, resource_id: ResourceId) -> bool:
        task = self._background.get(resource_id.key)
        if task is None and self._undone.give_up(resource_id):
            self.store.set_state(resource_id, "Canceled")
            return True
        return task.cancel() if task else False

    async def _put_inline(self, resource_id: ResourceId, place: str, body: Body, if_match: str) -> Resource:
        if resource_id.parent is None:
            raise invalid(f"{resource_id} has no parent")
        kind = self.type_of(resource_id.parent.type)
        async with self.locked(resource_id.parent):
            parent = self.require(resource_id.parent)
            _match(parent, if_match, "")
            changed = self.show(parent)
            items = changed["properties"].setdefault(place, [])
            item = {**body, "name": resource_id.name}
            for position, known in enumerate(items):
                if known["name"].lower() == resource_id.name.lower():
                    items[position] = item
                    break
            else:
                items.append(item)
            resource = self._accept(kind, parent.id, changed, parent, "", "", patch=False)
            return await self._realise(kind, resource, parent)

    async def _delete_inline(self, resource_id: ResourceId, place: str, if_match: str) -> bool:
        self.require_group(resource_id)
        parent_id = resource_id.parent
        if parent_id is None or not self.store.get(parent_id):
            return False
        kind = self.type_of(parent_id.type)
        async with self.locked(parent_id):
            parent = self.require(parent_id)
            _match(parent, if_match, "")
            changed = self.show(parent)
            items = changed["properties"].get(place, [])
            left = [item for item in items if item["name"].lower() != resource_id.name.lower()]
            if len(left) == len(items):
                return False
            changed["properties"][place] = left
            await self._realise(kind, self._accept(kind, parent.id, changed, parent, "", "", patch=False), parent)
            return True

    def locked(self, resource_id: ResourceId) -> asyncio.Lock:
        return self._locks.setdefault(resource_id.key, asyncio.Lock())


def _match(before: Resource | None, if_match: str, if_none_match: str) -> None:
    """ETag preconditions of a write."""
    if if_none_match == "*" and before:
        raise ArmError(412, "PreconditionFailed", f"{before.id} exists already.")
    if if_match and (not before or if_match not in ("*", before.etag)):
        seen = before.etag if before else "nothing"
        raise ArmError(
            412,
            "PreconditionFailedEtagMismatch",
            f"Etag provided in if-match header {if_match} does not match etag {seen}.",
        )
