"""What runs in the network tests' machines: answers on TCP and UDP with its name and the client's address.

``python guest.py NAME TCP_PORT UDP_PORT HEALTH_PORT HEALTHY_FILE``: the health port answers HTTP 200 while the file exists,
else 503. A TCP connection stays open and answers every line.
"""

from __future__ import annotations

import asyncio
import os
import sys

NAME, TCP_PORT, UDP_PORT, HEALTH_PORT, HEALTHY_FILE = sys.argv[1:]


class Datagrams(asyncio.DatagramProtocol):
    """Answers each datagram; the socket is connected to nothing, so the answer leaves from the address it was sent to."""

    def __init__(self, address: str) -> None:
        self.address = address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, client: tuple[str, int]) -> None:
        self.transport.sendto(f"{NAME} {client[0]}".encode(), client)  # type: ignore[attr-defined]


async def tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline():
        writer.write(f"{NAME} {writer.get_extra_info('peername')[0]}\n".encode())
    writer.close()


async def health(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    status = "200 OK" if os.access(HEALTHY_FILE, os.F_OK) else "503 Service Unavailable"
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    writer.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    await asyncio.start_server(tcp, "0.0.0.0", int(TCP_PORT))
    await asyncio.start_server(health, "0.0.0.0", int(HEALTH_PORT))
    addresses = sys.stdin.readline().split()
    for address in addresses:
        await loop.create_datagram_endpoint(lambda a=address: Datagrams(a), local_addr=(address, int(UDP_PORT)))
    os.close(os.open(HEALTHY_FILE, os.O_CREAT))
    await asyncio.Event().wait()


asyncio.run(main())
