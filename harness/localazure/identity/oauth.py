"""Token endpoints of the directory: discovery, and client credentials in both shapes.

MSAL discovers and then posts to ``/{tenant}/oauth2/token``; azure-identity's async credentials post to
``/{tenant}/oauth2/v2.0/token`` without discovery; the Go clients do either. Any tenant is answered, ``adfs`` is the one that
switches off their instance discovery at login.microsoftonline.com.
"""

from __future__ import annotations

import base64
import hmac
import time
import uuid
from urllib.parse import unquote

from aiohttp import web

from harness.localazure.identity.tokens import Principal, Tokens

LIFETIME = 3600


def add_oauth(app: web.Application, tokens: Tokens, client_id: str, client_secret: str) -> None:
    """Add the endpoints to an application."""
    directory = _Directory(tokens, client_id, client_secret)
    for version in ("", "/v2.0"):
        app.router.add_get(f"/{{tenant}}{version}/.well-known/openid-configuration", directory.discovery)
        app.router.add_post(f"/{{tenant}}/oauth2{version}/token", directory.token)
    app.router.add_get("/common/discovery/instance", directory.instance)


class _Directory:
    def __init__(self, tokens: Tokens, client_id: str, client_secret: str) -> None:
        self.tokens = tokens
        self.principal = Principal(client_id, "client", owner=True)
        self.client_secret = client_secret

    async def discovery(self, request: web.Request) -> web.Response:
        base = f"{request.scheme}://{request.host}/{request.match_info['tenant']}"
        return web.json_response(
            {
                "issuer": base,
                "authorization_endpoint": f"{base}/oauth2/authorize",
                "token_endpoint": f"{base}/oauth2/token",
                "device_authorization_endpoint": f"{base}/oauth2/devicecode",
                "jwks_uri": f"{base}/discovery/keys",
                "response_types_supported": ["code", "token"],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            }
        )

    async def instance(self, request: web.Request) -> web.Response:
        base = f"{request.scheme}://{request.host}/adfs/.well-known/openid-configuration"
        return web.json_response({"tenant_discovery_endpoint": base, "metadata": []})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        client, secret = str(form.get("client_id", "")), str(form.get("client_secret", ""))
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client, _, secret = base64.b64decode(value).decode().partition(":")
            client, secret = unquote(client), unquote(secret)
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "AADSTS70003: Only grant_type=client_credentials is supported.")
        if 0 < self.tokens.secret_expires <= time.time():
            text = "AADSTS7000222: The provided client secret keys for app are expired."
            return _refused("invalid_client", text, 401)
        known = hmac.compare_digest(client.encode(), self.principal.object_id.encode())
        if not known or not hmac.compare_digest(secret.encode(), self.client_secret.encode()):
            return _refused("invalid_client", "AADSTS7000215: Invalid client id or client secret provided.", 401)
        scope = str(form.get("scope") or form.get("resource") or "")
        now = int(time.time())
        token = self.tokens.issue(self.principal, scope.removesuffix("/.default"), LIFETIME)
        return web.json_response(
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": LIFETIME,
                "ext_expires_in": LIFETIME,
                "expires_on": now + LIFETIME,
                "not_before": now,
                "resource": scope.removesuffix("/.default"),
            }
        )


def _refused(code: str, text: str, status: int = 400) -> web.Response:
    number = int(text.partition(":")[0].removeprefix("AADSTS"))
    body = {"error": code, "error_description": text, "error_codes": [number], "trace_id": str(uuid.uuid4())}
    return web.json_response(body, status=status)
