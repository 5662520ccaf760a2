"""Calls from outside the cluster: from the machine that runs the tests, as any client on the internet would make them."""

from __future__ import annotations

import socket
from http.client import HTTPConnection

from suites._lib.waiting import NotYet


def http_get(address: str, port: int, path: str = "/", *, timeout: float = 2.0) -> str:
    """The body of a GET over a new connection; raises :class:`NotYet` for a status other than 200, ``OSError`` without an answer."""
    connection = HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read().decode()
    finally:
        connection.close()
    if response.status != 200:
        raise NotYet(f"http://{address}:{port}{path} answered {response.status}: {body[:200]}")
    return body


def http_client_address(address: str, port: int, *, timeout: float = 2.0) -> tuple[str, str]:
    """Our own address on that connection, and the one that the server saw (agnhost's ``/clientip``)."""
    connection = HTTPConnection(address, port, timeout=timeout)
    try:
        connection.connect()
        own = str(connection.sock.getsockname()[0])
        connection.request("GET", "/clientip", headers={"Connection": "close"})
        seen = connection.getresponse().read().decode()
    finally:
        connection.close()
    return own, seen.rpartition(":")[0].strip("[]")


def udp_ask(address: str, port: int, message: str, *, timeout: float = 2.0) -> str:
    """The answer to one datagram from a new port; raises ``TimeoutError`` without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect((address, port))
        client.send(message.encode())
        return client.recv(4096).decode()


def refused(address: str, port: int, *, timeout: float = 1.0) -> str:
    """Why no TCP connection can be made there; raises :class:`NotYet` when one can."""
    try:
        socket.create_connection((address, port), timeout=timeout).close()
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    raise NotYet(f"{address}:{port} still accepts connections")
