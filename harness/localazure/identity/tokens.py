"""Access tokens: signed by a key that only this server has, so that they survive its restart and nobody else makes them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jwt

from harness.localazure.arm.errors import ArmError

LIFETIME = 24 * 3600
"""Seconds; managed identities get a day on Azure too."""
_ALGORITHM = "HS256"
_PUBLIC_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
"""ARM's own, whatever the address under which it is reached."""
_CHECKS: Any = {"verify_aud": False, "require": ["aud", "exp", "iat", "iss", "nbf", "oid", "name", "owner"]}
"""The audience is checked by :class:`Tokens`, with or without the slash at its end."""


@dataclass(frozen=True)
class Principal:
    """Who sends a request."""

    object_id: str
    name: str
    """For the journal: ``client`` or the id of the machine."""
    owner: bool
    """The service principal of server.json, which may do everything."""


class Tokens:
    """Makes and checks tokens."""

    def __init__(self, key: bytes, issuer: str) -> None:
        self._key = key
        self._issuer = issuer
        self.secret_expires = 0.0
        """Unix time from which the client secret is refused; 0 for never."""
        self._audiences = set(_PUBLIC_AUDIENCES)

    def accept(self, audience: str) -> None:
        """Accept tokens that were asked for with this base URL of the server."""
        self._audiences.add(audience.rstrip("/"))

    def issue(self, principal: Principal, audience: str, lifetime: float = LIFETIME) -> str:
        """A bearer token."""
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": audience,
            "iat": now,
            "nbf": now - 300,
            "exp": now + int(lifetime),
            "oid": principal.object_id,
            "sub": principal.object_id,
            "appid": principal.object_id,
            "tid": "adfs",
            "name": principal.name,
            "owner": principal.owner,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def check(self, authorization: str, base: str = "") -> Principal:
        """The principal of an ``Authorization`` header; raises ``ArmError`` 401.

        Signature, issuer, both ends of its life and the audience must be right: a token that was asked for to reach a storage
        account or a vault opens nothing here, as on Azure.
        """
        scheme, _, token = authorization.partition(" ")
        challenge = {"WWW-Authenticate": f'Bearer authorization_uri="{base}/adfs", error="invalid_token"'}
        if scheme.lower() != "bearer" or not token:
            message = "Authentication failed. The 'Authorization' header is missing."
            raise ArmError(401, "AuthenticationFailed", message, headers=challenge)
        claims = self._decode(token, challenge)
        return Principal(str(claims["oid"]), str(claims["name"]), bool(claims["owner"]))

    def _decode(self, token: str, challenge: dict[str, str]) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._key, algorithms=[_ALGORITHM], issuer=self._issuer, options=_CHECKS
            )
        except jwt.ExpiredSignatureError as error:
            raise ArmError(401, "ExpiredAuthenticationToken", "The access token expired.", headers=challenge) from error
        except jwt.InvalidTokenError as error:
            raise ArmError(
                401, "InvalidAuthenticationToken", "The access token is invalid.", headers=challenge
            ) from error
        if str(claims["aud"]).rstrip("/") not in self._audiences:
            raise ArmError(
                401,
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for the wrong audience or resource '{claims['aud']}'. "
                f"It should match one of {', '.join(sorted(self._audiences))}.",
                headers=challenge,
            )
        return claims

    def sign_path(self, path: str) -> str:
        """A signature for a URL that shall work without a token (a console log) for an hour."""
        return jwt.encode({"path": path, "exp": int(time.time()) + 3600}, self._key, algorithm=_ALGORITHM)

    def path_is_signed(self, path: str, signature: str) -> bool:
        """Whether this signature was made for this path."""
        try:
            claims = jwt.decode(signature, self._key, algorithms=[_ALGORITHM])
        except jwt.InvalidTokenError:
            return False
        return bool(claims.get("path") == path)
