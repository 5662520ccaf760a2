"""The owner's view of machines that run: what is wrong with each, and changing that; a fault does the same to one that is made.

What is wrong is a fact of the resource in the store, from which the plans of the machine and of its network are computed: it survives
the server, and whatever restarts the machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.localazure.arm.engine import Engine
from harness.localazure.arm.errors import ArmError, invalid
from harness.localazure.arm.ids import fabric_key
from harness.localazure.arm.store import Resource
from harness.localazure.fabric.api import Condition
from harness.localazure.providers.plan.links import VM, condition_of
from harness.localazure.providers.plan.machines import machine_plan

_REBOOTED = "rebooted"
STATES = (Condition.WELL, Condition.ISOLATED, Condition.FULL, _REBOOTED)
"""What a running machine can be made."""
_FIELDS = ("name", "group", "state")


class Ailments:
    """What is wrong with the machines of one server."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def listed(self) -> list[dict[str, str]]:
        """Every machine, by group and name."""
        machines = self._engine.store.of_type(VM)
        return sorted(map(_shown, machines), key=lambda machine: (machine["group"], machine["name"]))

    async def change(self, raw: Any) -> dict[str, str]:
        """Make a machine well, isolated, full or rebooted, from JSON; raises ``ArmError`` (400) that names what is wrong."""
        found, state = self._machine(raw), _state(raw)
        async with self._engine.locked(found.id):
            machine = self._engine.require(found.id)
            if machine.internal["power"] != "running":
                raise _wrong(
                    f"machine {machine.id.name} is {machine.internal['power']}, and only a machine that runs can be made {state}"
                )
            if state == _REBOOTED:
                await self._engine.fabric.reboot_machine(fabric_key(str(machine.id)), 0)
            else:
                machine = await self._make(machine, Condition(state))
        return _shown(machine)

    async def _make(self, machine: Resource, wanted: Condition) -> Resource:
        before = condition_of(machine)
        machine = self._engine.store.set_state(machine.id, machine.state, condition=wanted.value)
        await self._engine.settle()
        plan = machine_plan(self._engine.store, machine)
        if before is Condition.UNBOOTABLE:  # what did not boot has to boot again
            await self._engine.fabric.stop_machine(plan.key, hard=True)
        await self._engine.fabric.start_machine(plan)
        return machine

    def _machine(self, raw: Any) -> Resource:
        if not isinstance(raw, dict) or set(raw) - set(_FIELDS) or not raw.get("name"):
            raise _wrong("a machine's state is an object with name, state and, if wanted, group")
        name, group = str(raw["name"]), str(raw.get("group") or "")
        known = list(self._engine.store.of_type(VM))
        found = [one for one in known if _is(one.id.name, name) and (not group or _is(one.id.group, group))]
        if len(found) == 1:
            return found[0]
        if found:
            raise _wrong(f"machine {name} is in several groups: name one of {_named(one.id.group for one in found)}")
        where = f" in group {group}" if group else ""
        raise _wrong(
            f"unknown machine {name!r}{where}: there are {_named(f'{one.id.name} ({one.id.group})' for one in known)}"
        )


def _state(raw: dict[str, Any]) -> str:
    state = raw.get("state")
    if state not in STATES:
        raise _wrong(f"unknown state {state!r}: there are {', '.join(STATES)}")
    return str(state)


def _shown(machine: Resource) -> dict[str, str]:
    return {
        "name": machine.id.name,
        "group": machine.id.group,
        "power": machine.internal["power"],
        "condition": condition_of(machine).value,
    }


def _is(name: str, asked: str) -> bool:
    return name.lower() == asked.lower()


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _wrong(message: str) -> ArmError:
    return invalid(f"{message[0].upper()}{message[1:]}.", "InvalidMachine")
