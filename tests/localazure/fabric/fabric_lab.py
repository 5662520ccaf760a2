"""A laboratory for the fabric: real namespaces, a small server in each machine's, the host as the client."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from harness.localazure.fabric import namespaces
from harness.localazure.fabric.api import NetworkPlan, NicPlan, ProbePlan, RoutePlan, RulePlan, SecurityRulePlan
from harness.localazure.fabric.linux import LinuxFabric
from harness.localazure.fabric.names import Names
from harness.localazure.fabric.sweep import sweep_host

SUBNET = IPv4Network("10.0.0.0/16")
# Public addresses are the host's: each worker of a parallel run has its own, far from those that servers allocate first.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
PUBLIC, OTHER_PUBLIC, INSTANCE, UNUSED = (IPv4Address("198.51.100.192") + WORKER * 4 + number for number in range(4))
INTERNAL = IPv4Address("10.0.0.100")
TCP_PORT, UDP_PORT, HEALTH_PORT = 8080, 5353, 10256
PATIENCE = float(os.environ.get("HARNESS_PATIENCE", "1"))
"""How many times longer things may take, on a slow host such as an emulated one (tests/hosts)."""
HTTP_PROBE = ProbePlan("http", HEALTH_PORT, "/healthz", 0.2, 2)


def address(number: int) -> IPv4Address:
    return SUBNET[3 + number]


def nic(
    number: int,
    *,
    forwarding: bool = True,
    security: tuple[SecurityRulePlan, ...] = (),
    machine: str = "",
    network: str = "",
    lost: bool = False,
) -> NicPlan:
    key = f"{network}{number}"
    return NicPlan(
        key,
        machine or f"vm{key}",
        0,
        f"00:0d:3a:00:00:{number:02x}",
        address(number),
        SUBNET,
        forwarding,
        security,
        lost,
    )


def rule(
    key: str = "web",
    *,
    frontend: IPv4Address = PUBLIC,
    protocol: str = "tcp",
    port: int = TCP_PORT,
    backend_port: int = TCP_PORT,
    floating: bool = True,
    affinity: str = "Default",
    members: tuple[int, ...] = (1, 2, 3),
    probe: ProbePlan | None = HTTP_PROBE,
) -> RulePlan:
    return RulePlan(
        key,
        frontend,
        protocol,  # type: ignore[arg-type]
        port,
        backend_port,
        floating,
        affinity,  # type: ignore[arg-type]
        tuple(map(address, members)),
        probe,
    )


def network(
    *rules: RulePlan,
    key: str = "net",
    nics: tuple[NicPlan, ...] | None = None,
    routes: tuple[RoutePlan, ...] = (),
    public: tuple[IPv4Address, ...] = (PUBLIC,),
    internal: tuple[IPv4Address, ...] = (),
    instance_public: tuple[tuple[IPv4Address, IPv4Address], ...] = (),
) -> NetworkPlan:
    return NetworkPlan(
        key=key,
        name=key,
        prefixes=(SUBNET,),
        subnets=(SUBNET,),
        routes=routes,
        nics=nics if nics is not None else (nic(1), nic(2), nic(3)),
        rules=rules,
        public=public,
        internal=internal,
        instance_public=instance_public,
    )


class Lab:
    """A fabric with servers in its machines' namespaces."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.names = Names(self.state)
        self.fabric = LinuxFabric(self.state)
        self._folder = folder
        self._servers: list[subprocess.Popen[str]] = []

    def healthy_file(self, name: str) -> Path:
        return self._folder / f"{name}.healthy"

    def serve(self, *numbers: int, frontends: tuple[IPv4Address, ...] = (), network: str = "") -> None:
        """Start a server in machines; they accept packets to the frontends, as kube-proxy makes a node do."""
        for number in numbers:
            name = f"vm{network}{number}"
            space = self.names.machine(name)
            for frontend in frontends:
                self.ip(space, "addr", "replace", f"{frontend}/32", "dev", "lo")
            server = subprocess.Popen(
                [
                    *(
                        "nsenter",
                        f"--net=/run/netns/{space}",
                        sys.executable,
                        str(Path(__file__).with_name("guest.py")),
                    ),
                    *(name, str(TCP_PORT), str(UDP_PORT), str(HEALTH_PORT), str(self.healthy_file(name))),
                ],
                stdin=subprocess.PIPE,
                text=True,
            )
            assert server.stdin
            server.stdin.write(" ".join(map(str, [address(number), *frontends])) + "\n")
            server.stdin.flush()
            self._servers.append(server)

    async def serving(self, *names: str) -> None:
        """Wait until these servers listen."""

        async def all_ready() -> bool:
            return all(self.healthy_file(name).exists() for name in names)

        await self.until(all_ready)

    def route_from_host(self, prefix: object, network: str = "net") -> None:
        """A route of the host that leads to what it must not reach; it goes with the link."""
        link = self.names.uplink(network)
        subprocess.run(["ip", "route", "add", str(prefix), "dev", link], check=True)

    @staticmethod
    def run(*argv: str, stdin: str = "") -> str:
        """Run a program of the host."""
        return subprocess.run(argv, check=True, capture_output=True, text=True, input=stdin).stdout

    @staticmethod
    def ip(space: str, *arguments: str) -> str:
        return subprocess.run(["ip", "-n", space, *arguments], check=True, capture_output=True, text=True).stdout

    async def ask(
        self, host: IPv4Address, port: int = TCP_PORT, *, space: str = "", source: str = "", limit: float = 20
    ) -> str:
        """Name of the server that answers, and the client address it saw; from the host, or from a namespace."""
        async with asyncio.timeout(limit * PATIENCE):
            reader, writer = await self.connect(host, port, space=space, source=source)
            try:
                return await self.say(reader, writer)
            finally:
                writer.close()

    async def unreachable(self, host: IPv4Address, port: int = TCP_PORT, *, space: str = "", source: str = "") -> bool:
        """Whether nothing answers there within a second; four on a slow host."""
        try:
            await self.ask(host, port, space=space, source=source, limit=min(1, 4 / PATIENCE))
        except OSError:
            return True
        return False

    async def connect(
        self, host: IPv4Address, port: int = TCP_PORT, *, space: str = "", source: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not space:
            return await asyncio.open_connection(str(host), port, local_addr=(source, 0) if source else None)
        client = namespaces.open_socket(self.names.machine(space))
        try:
            if source:
                client.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(client, (str(host), port))
        except BaseException:
            client.close()
            raise
        return await asyncio.open_connection(sock=client)

    @staticmethod
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(b"?\n")
        async with asyncio.timeout(20 * PATIENCE):
            return (await reader.readline()).decode().strip()

    async def until(self, condition: Callable[[], Awaitable[bool]], limit: float = 60.0) -> float:
        """Seconds until the condition holds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not await condition():
            assert loop.time() - began < limit * PATIENCE, "the condition did not come true in time"
            await asyncio.sleep(0.02)
        return loop.time() - began

    async def healthy(self, count: int, key: str = "net", rule: str = "web") -> float:
        """Wait until that many members of a rule are healthy."""

        async def enough() -> bool:
            return sum((await self.fabric.member_health(key))[rule].values()) == count

        taken = await self.until(enough)
        await asyncio.sleep(0.1)
        return taken

    def close(self) -> None:
        for server in self._servers:
            server.kill()
            server.wait()
            if server.stdin:
                server.stdin.close()
        sweep_host(self.state)
