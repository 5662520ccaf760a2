"""Who asks, and the crumb that a POST needs: it belongs to a user and a web session; an API token needs none."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from aiohttp import web

COOKIE = "JSESSIONID.0d9a31c2"
FIELD = "Jenkins-Crumb"
USER, PASSWORD, TOKEN = "maria", "open sesame 7", "11aa22bb33cc44dd55ee66ff7788990011"
READER, READER_TOKEN = "reader", "11ffeeddccbbaa00998877665544332211"
"""Somebody who may read and build, but not change a build."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    name: str
    session: str
    by_token: bool


@dataclass
class Security:
    """Web sessions live in memory: a restart forgets them."""

    sessions: set[str] = field(default_factory=set)
    salt: bytes = b"kept in secrets/ over restarts"

    def caller(self, request: web.Request) -> Caller | None:
        """Who asks; None if name and password do not fit."""
        session = request.cookies.get(COOKIE, "")
        if session not in self.sessions:
            session = f"node0{secrets.token_hex(12)}0"
            self.sessions.add(session)
        kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if not kind:
            return Caller("anonymous", session, by_token=False)
        try:
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if (name, secret) in ((USER, TOKEN), (READER, READER_TOKEN)):
            return Caller(name, session, by_token=True)
        return Caller(name, session, by_token=False) if (name, secret) == (USER, PASSWORD) else None

    def crumb(self, caller: Caller) -> str:
        return hmac.new(self.salt, f"{caller.name};{caller.session}".encode(), hashlib.sha256).hexdigest()

    def allows(self, caller: Caller, crumb: str) -> bool:
        """Whether a POST of this caller may go on."""
        return caller.by_token or hmac.compare_digest(crumb, self.crumb(caller))
