"""Deleting a resource group, and proving it: "accepted" is not "gone", and an answer that fails says nothing.

What outlives a group is deleted first, while it can still be told whose it is, so that a process that is killed in between leaves enough
for the next one; but where it cannot be looked up, the machines do not run on for that. The group counts as gone when its deletion was
accepted, a GET says 404, it is in no list, and what outlived it is 404 too. What stands in the way has a strategy and a limit
(:class:`Limits`); past it, and at the deadline, the outcome is a leak that names every resource with the command that removes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient

from harness.clouds.errors import translate, translated
from harness.clouds.limit import OutOfTimeError, limited
from harness.clouds.memory import Forgetful, Memory
from harness.clouds.obstacles import Limits, headers_of, is_forbidden
from harness.clouds.outliving import Outliving, find_outliving, read_marks, searches
from harness.clouds.rest import Rest, raise_for
from harness.clouds.waiting import WORTH_TELLING, retry_after
from harness.errors import CloudError, HarnessError, LeakError, ThrottledError

_GROUPS = "2025-04-01"
_LOCKS = "2020-05-01"
_FORCED = "Microsoft.Compute/virtualMachines,Microsoft.Compute/virtualMachineScaleSets"
"""Machines are not asked to shut down first: nothing on them is kept."""
_LONGEST = 60.0
"""Seconds between looks at most, whatever the service asks for: a deadline must be noticed."""
_ASKING = 600.0
"""Seconds to get a deletion accepted that nobody waits for; Azure may throttle that long where hundreds are asked for at once."""
_ORDER = ("virtualmachines", "loadbalancers", "networkinterfaces", "publicipaddresses")
"""What is in others' way goes first when resources have to be deleted one by one."""

_ORPHANS = (
    "role assignments of its identities, which are nobody's now",
    "az role assignment list --all --query \"[?principalName=='']\"",
)


def delete_group(
    client: ResourceManagementClient,
    rest: Rest,
    name: str,
    deadline: datetime,
    pause: float,
    limits: Limits | None = None,
    tell: Callable[[str], None] = lambda text: None,
    memory: Memory | None = None,
) -> None:
    """Delete and prove it; a group that does not exist is gone already.

    :param pause: seconds between looks where the service does not say how long.
    :param tell: gets a line about every obstacle.
    :param memory: knows what earlier attempts found to outlive the group.
    :raises LeakError: at the deadline or at an obstacle's limit, naming what is left.
    """
    with limited(deadline, repeats=False):
        _Deletion(client, rest, name, deadline, pause, limits or Limits(), tell, memory or Forgetful()).run()


def begin_delete(client: ResourceManagementClient, rest: Rest, name: str) -> None:
    """Ask for a deletion, what outlives the group included, and leave the proof to a later :func:`delete_group`.

    :raises HarnessError: when it is refused; the later call finds out again, and has strategies.
    """
    deadline = datetime.now(UTC) + timedelta(seconds=_ASKING)
    deletion = _Deletion(client, rest, name, deadline, 0.0, Limits(), lambda text: None, Forgetful())
    with limited(deadline, repeats=False), translated(f"delete resource group {name}"):
        deletion.begin()


class _Deletion:
    """One group on its way out."""

    def __init__(
        self,
        client: ResourceManagementClient,
        rest: Rest,
        name: str,
        deadline: datetime,
        pause: float,
        limits: Limits,
        tell: Callable[[str], None],
        memory: Memory,
    ) -> None:
        self._client = client
        self._rest = rest
        self._name = name
        self._group = f"{rest.scope}/resourceGroups/{name}"
        self._deadline = deadline
        self._limits = limits
        self._pause = pause
        self._tell = tell
        self._attempted = f"delete resource group {name}"
        self._begun, self._begun_at = time.monotonic(), time.time()
        # a deletion with little time left must be asked for again while there is some
        self._patience = min(limits.stuck, max(0.0, deadline.timestamp() - time.time()) / 4)
        self._last = "nothing was answered"
        self._evidence = ""
        self._memory = memory
        self._outliving = [Outliving.at(path) for path in memory.outliving(name)]
        self._marks = memory.marks(name)
        self._lookup_end = min(self._begun_at + limits.lookup, (self._begun_at + deadline.timestamp()) / 2)
        self._forbidden_end = min(self._begun_at + limits.forbidden, self._lookup_end)
        self._known = False
        """What outlives the group was looked up."""
        self._prepared = False
        """What outlives the group is known, and its deletion was accepted."""
        self._hasty = False
        """The group is deleted although it is not."""
        self._since: dict[str, float] = {}
        """Obstacle -> when it was met first."""
        self._refusals = 0
        self._by_hand = False
        """Its resources are to be deleted one by one before it is asked for again."""
        self._asked_at: float | None = None
        self._nudges = 0
        self._poll = ""
        """Where the service says how its deletion goes on."""
        self._hint = 0.0
        """Seconds that the service asked us to wait."""

    def begin(self) -> None:
        """Its first step."""
        self._remove_outliving()
        self._ask()

    def run(self) -> None:
        while True:
            self._hint = 0.0
            try:
                if self._gone():
                    return
            except ClientAuthenticationError as error:
                raise translate(error, self._attempted) from error
            except HttpResponseError as error:
                self._refused(error)
            except AzureError as error:  # nobody answered: which says nothing
                self._last = str(translate(error, self._attempted).last_seen)
            except ThrottledError as error:
                self._last, self._evidence = error.last_seen, error.log_tail
                if isinstance(error, OutOfTimeError):
                    raise self._leak("the deadline, which Azure's throttling outlasts") from error
            if time.time() >= self._deadline.timestamp():
                raise self._leak("the deadline")
            left = self._deadline.timestamp() - time.time()
            time.sleep(max(0.0, min(self._hint or self._pause, _LONGEST, left)))

    def _gone(self) -> bool:
        """One step; true when everything is proven gone."""
        if not (self._prepared or self._hasty or self._sought()):
            return False
        if self._by_hand:
            self._by_hand = False
            self._one_by_one()
        if self._asked_at is None:
            self._ask()
        if self._poll and not self._ended():
            return False
        state = self._state()
        if state or self._listed():
            self._last = f"the group is {state or 'still listed'}"
            if state != "Deleting":  # a deletion that failed leaves the group as it was
                self._asked_at = None
            return False
        if not self._prepared:
            self._remove_outliving_of_the_gone()
        left = [item for item in self._outliving if self._rest.exists(item.path)]
        for item in left:
            self._rest.delete(item.path)
        self._last = f"{len(left)} resources outside the group are still there"
        return not left

    def _sought(self) -> bool:
        """Whether the group may go: what would outlive it goes, or was sought for long enough; machines cost more than what may stay."""
        try:
            with limited(datetime.fromtimestamp(self._lookup_end, UTC)):
                self._remove_outliving()
        except ClientAuthenticationError:
            raise
        except (AzureError, CloudError, ThrottledError) as error:
            known = error if isinstance(error, HarnessError) else translate(error, self._attempted)
            self._last, self._evidence = known.last_seen, known.log_tail
            self._hint = min(retry_after(headers_of(error)), max(0.0, self._lookup_end - time.time()))
            self._show_wait()
            end = self._forbidden_end if is_forbidden(error) else self._lookup_end
            if time.time() < end and not isinstance(error, OutOfTimeError):
                return False
            self._hasty = True
            if self._marks is not None:
                self._memory.remember_marks(self._name, self._marks)
            self._tell(f"{self._name}: what outlives it cannot be removed yet, so it goes all the same: {self._last}")
        return True

    def _remove_outliving_of_the_gone(self) -> None:
        """The group had to go in haste: what outlives it must be known even now, by what was read of the group in time."""
        if self._marks is None:
            self._last = f"what identities were in {self._name} was not read before it went: {self._last}"
            raise self._leak("the group was gone")
        try:
            self._remove_outliving()
        except HttpResponseError as error:
            if not is_forbidden(error):
                raise
            raise translate(error, f"look up what outlives resource group {self._name}, which is gone") from error

    def _remove_outliving(self) -> None:
        """Ask for the deletion of what would outlive the group, until all of it was accepted."""
        try:
            if self._marks is None:
                tags: Mapping[str, str] = dict(self._client.resource_groups.get(self._name).tags or {})
                self._marks = read_marks(self._rest, self._group, tags)
        except ResourceNotFoundError:
            if self._state():  # something else is not there, which says nothing of the group
                raise
            self._prepared = True  # gone, and what it was cannot be asked any more
            return
        found = find_outliving(self._rest, self._marks)
        self._known = True
        known = {item.id.lower() for item in self._outliving}
        for item in found:
            if item.id.lower() not in known:
                self._memory.remember(self._name, item.path)
                self._outliving.append(item)
        for item in self._outliving:
            self._rest.delete(item.path)
        self._prepared = True

    def _ask(self) -> None:
        response = self._rest.send(
            "DELETE", f"{self._group}?api-version={_GROUPS}&forceDeletionTypes={_FORCED.replace(',', '%2C')}"
        )
        if response.status_code != 404:  # nothing to delete; the proof follows
            raise_for(response)
        self._asked_at = time.monotonic()
        self._poll = response.headers.get("Location", "")
        self._hint = retry_after(response.headers)

    def _ended(self) -> bool:
        """Whether the deletion that was accepted has ended; raises the error with which it failed."""
        response = self._rest.send("GET", self._poll)
        self._hint = retry_after(response.headers)
        if response.status_code == 202:
            self._last = "its deletion goes on"
            self._look_if_stuck()
            return False
        self._poll = ""
        if response.status_code != 404:  # operations are forgotten after a while
            raise_for(response)
        return True

    def _look_if_stuck(self) -> None:
        if self._asked_at is None or time.monotonic() - self._asked_at < self._patience:
            return
        if self._nudges < self._limits.nudges:
            self._nudges += 1
            self._tell(f"the deletion of {self._name} does not end: asking again, with its resources one by one")
            self._by_hand, self._asked_at = True, None

    def _refused(self, error: HttpResponseError) -> None:
        """Note what stands in the way; raises when it is there for too long, or for ever."""
        status = error.status_code or 0
        known = translate(error, self._attempted)
        self._last, self._evidence = known.last_seen, known.log_tail
        self._hint = retry_after(headers_of(error))
        self._show_wait()
        if status < 400 or status == 429 or status >= 500 or status == 408:  # below 400: it broke off in the middle
            return
        if status not in (409, 412, 400):
            raise known from error
        locked = "ScopeLocked" in known.log_tail
        kind, limit = ("a lock", self._limits.locked) if locked else ("409", self._limits.in_use)
        first = self._since.setdefault(kind, time.monotonic())
        self._refusals += 1
        self._asked_at, self._poll = None, ""
        if self._refusals == 1 and self._hint < WORTH_TELLING:
            self._tell(f"{self._name} is not deleted yet: {self._last}")
        if time.monotonic() - first > limit:
            raise self._leak(f"{kind}, {limit:.0f} s") from error
        self._by_hand = not locked and self._refusals > 1

    def _show_wait(self) -> None:
        """Say that a failure makes us wait, if that is long enough to wonder."""
        if self._hint >= WORTH_TELLING:
            seconds = min(self._hint, _LONGEST)
            self._tell(f"{self._name} is not deleted yet: {self._last}; asking again in {seconds:.0f} s")

    def _one_by_one(self) -> None:
        """Ask for the deletion of each resource; refusals are expected, since they use each other."""
        try:
            found = self._resources()
        except ResourceNotFoundError:  # the group has gone meanwhile
            return
        for item in sorted(found, key=_rank):
            version = self._version(item[0])
            response = self._rest.send("DELETE", f"{item[1]}?api-version={version}")
            if response.status_code == 429:
                raise_for(response)

    def _resources(self) -> list[tuple[str, str]]:
        """(type, id) of what is in the group."""
        return [(item.type or "", item.id or "") for item in self._client.resources.list_by_resource_group(self._name)]

    def _version(self, kind: str) -> str:
        """An api-version that knows the type."""
        namespace, _, name = kind.partition("/")
        for known in self._client.providers.get(namespace).resource_types or ():
            if (known.resource_type or "").lower() == name.lower() and known.api_versions:
                return str(known.default_api_version or known.api_versions[0])
        return _GROUPS

    def _state(self) -> str:
        """``provisioningState``, or empty when a GET says 404."""
        try:
            group = self._client.resource_groups.get(self._name)
        except ResourceNotFoundError:
            return ""
        return (group.properties.provisioning_state if group.properties else None) or "there"

    def _listed(self) -> bool:
        return any((group.name or "").lower() == self._name.lower() for group in self._client.resource_groups.list())

    def _leak(self, limit: str) -> LeakError:
        commands = self._commands()
        return LeakError(
            self._attempted,
            awaited=f"404 and no entry in any list, {time.monotonic() - self._begun:.0f} s, until {limit}",
            last_seen="; ".join([self._last, *(name for name, _ in commands)]),
            hint="see each one's command in the details; `harness sweep` tries again",
            log_tail="\n".join([*(f"{name}\n    {command}" for name, command in commands), self._evidence]).strip(),
        )

    def _commands(self) -> list[tuple[str, str]]:
        """What is left, with the command that removes it, in the order in which a person should."""
        found: list[tuple[str, str]] = []
        group = [(f"resource group {self._name}", f"az group delete --yes --name {self._name}")]
        try:
            found += [(f"lock {path}", f"az lock delete --ids '{path}'") for path in self._locks()]
            found += [(f"{kind} {path}", f"az resource delete --ids '{path}'") for kind, path in self._resources()]
        except ResourceNotFoundError:
            group = []
        except (HarnessError, AzureError) as error:
            found.append((f"(what is in {self._name} cannot be listed: {error})", f"az resource list -g {self._name}"))
        found += group
        if self._hasty and not self._known:
            unknown = searches(self._marks) if self._marks else [_ORPHANS]
            found += [(f"(could not be looked up: {what})", command) for what, command in unknown]
        for item in self._outliving:
            try:
                there = self._rest.exists(item.path)
            except (HarnessError, AzureError):  # not known to be gone
                there = True
            found += [(item.id, item.command)] if there else []
        return found

    def _locks(self) -> list[str]:
        path = f"{self._group}/providers/Microsoft.Authorization/locks?api-version={_LOCKS}"
        return [str(item["id"]) for item in self._rest.list(path)]


def _rank(item: tuple[str, str]) -> int:
    kind = item[0].lower().rpartition("/")[2]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
