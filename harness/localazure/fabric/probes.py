"""Health probes of a network's load balancers, sent from 168.63.129.16 inside the network's namespace.

A member that was never seen gets probes in quick succession, so that a new Service answers at once instead of after an interval
of 5 s; from its first success on it is probed at the rule's interval, and it takes ``threshold`` equal results in a row to
change its state. Rules with the same probe share it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol

from harness.errors import CloudError
from harness.localazure.fabric import namespaces
from harness.localazure.fabric.api import WIRE, ProbePlan

FIRST = 0.2
"""Seconds between the probes of a member that has never been up; they grow towards the interval as it stays down."""
SHORTEST = 1.0
LONGEST = 5.0
"""Seconds that one probe may take: its interval, within these bounds."""


class Clock(Protocol):
    """Time, so that tests need none."""

    def time(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class LoopClock:
    """The event loop's time."""

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Target:
    """One member as one probe sees it."""

    member: IPv4Address
    probe: ProbePlan


class Health:
    """A target's state: what a row of equal results makes of it."""

    def __init__(self, threshold: int, up: bool) -> None:
        self.up = up
        self.new = not up
        """Never seen up: the first success counts at once."""
        self._threshold = max(1, threshold)
        self._row = 0

    def result(self, good: bool) -> bool:
        """Take in one result; return whether the state changed."""
        self._row = self._row + 1 if good != self.up else 0
        if not self._row or (self._row < self._threshold and not (good and self.new)):
            return False
        self.up, self.new, self._row = good, False, 0
        return True


class Prober:
    """Probes a network's targets until told otherwise.

    :param namespace: of the network.
    :param changed: called, without arguments, whenever a target's state changed.
    """

    def __init__(self, namespace: str, changed: Callable[[], None], clock: Clock | None = None) -> None:
        self._namespace = namespace
        self._changed = changed
        self._clock = clock or LoopClock()
        self._health: dict[Target, Health] = {}
        self._tasks: dict[Target, asyncio.Task[None]] = {}

    def aim(self, targets: Iterable[Target], known_up: Callable[[Target], bool]) -> None:
        """Probe exactly these from now on.

        :param known_up: whether a new target was up when an earlier process probed it.
        """
        wanted = set(targets)
        for target in self._tasks.keys() - wanted:
            self._tasks.pop(target).cancel()
            del self._health[target]
        for target in wanted - self._tasks.keys():
            self._health[target] = Health(target.probe.threshold, known_up(target))
            self._tasks[target] = asyncio.create_task(self._watch(target), name=f"probe {target.member}")

    def is_up(self, target: Target) -> bool:
        """Whether the target's last known state is healthy."""
        health = self._health.get(target)
        return health is not None and health.up

    async def close(self) -> None:
        """Stop probing."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        self._health.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, target: Target) -> None:
        health = self._health[target]
        began = self._clock.time()
        while True:
            started = self._clock.time()
            good = await self._probe(target)
            if health.result(good):
                self._changed()
            pause = target.probe.interval
            if health.new:
                pause = min(pause, max(FIRST, (started - began) / 10))
            await self._clock.sleep(max(0.0, started + pause - self._clock.time()))

    async def _probe(self, target: Target) -> bool:
        limit = min(LONGEST, max(target.probe.interval, SHORTEST))
        try:
            async with asyncio.timeout(limit):
                return await send(self._namespace, target)
        except (OSError, TimeoutError, CloudError):
            return False


async def send(namespace: str, target: Target) -> bool:
    """Send one probe; whether the answer is a success (TCP: accepted; HTTP: 200).

    :raises OSError: refused, unreachable, cut off.
    :raises CloudError: the namespace is gone.
    """
    loop = asyncio.get_running_loop()
    probe = target.probe
    # Not in a thread pool: it takes a tenth of a millisecond, and a socket made for a cancelled probe would never be closed.
    connection = namespaces.open_socket(namespace)
    try:
        connection.bind((str(WIRE), 0))
        await loop.sock_connect(connection, (str(target.member), probe.port))
        if probe.protocol == "tcp":
            return True
        path = probe.path or "/"
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {target.member}:{probe.port}\r\n"
            "User-Agent: Load Balancer Agent\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
        await loop.sock_sendall(connection, request.encode("ascii", "replace"))
        answer = b""
        while b"\r\n" not in answer and len(answer) < 4096 and (part := await loop.sock_recv(connection, 1024)):
            answer += part
        return answer.split(b"\r\n", 1)[0].split(b" ")[1:2] == [b"200"]
    finally:
        with contextlib.suppress(OSError):
            connection.close()
