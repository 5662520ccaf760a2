"""Tokens are checked on every ARM call: who made them, for whom, and until when."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

GROUPS = "/resourcegroups"


@pytest.fixture
def claims(server: Any) -> dict[str, Any]:
    token = server.session.headers["Authorization"].removeprefix("Bearer ")
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.fixture
def key(server: Any) -> bytes:
    secrets = json.loads((Path(server.state) / "secrets.json").read_text())
    return bytes.fromhex(secrets["signing_key"])


def ask(server: Any, token: str) -> tuple[int, str]:
    url = f"{server.facts['http']}{server.subscription}{GROUPS}"
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    return answer.status_code, answer.json().get("error", {}).get("code", "")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ""),
        ({"aud": "https://management.azure.com/"}, ""),
        ({"aud": "https://storage.azure.com/"}, "InvalidAuthenticationTokenAudience"),
        ({"aud": ""}, "InvalidAuthenticationTokenAudience"),
        ({"exp": time.time() - 1}, "ExpiredAuthenticationToken"),
        ({"nbf": time.time() + 3600}, "InvalidAuthenticationToken"),
        ({"iss": "https://login.example.com/"}, "InvalidAuthenticationToken"),
        ({"oid": None}, "InvalidAuthenticationToken"),
    ],
)
def test_claims(server: Any, claims: dict[str, Any], key: bytes, changes: dict[str, Any], code: str) -> None:
    wanted = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    assert ask(server, jwt.encode(wanted, key, algorithm="HS256")) == (401 if code else 200, code)


def test_signatures(server: Any, claims: dict[str, Any], key: bytes) -> None:
    assert ask(server, jwt.encode(claims, b"x" * 32, algorithm="HS256")) == (401, "InvalidAuthenticationToken")
    assert ask(server, jwt.encode(claims, None, algorithm="none")) == (401, "InvalidAuthenticationToken")
    signed_url = jwt.encode({"path": GROUPS, "exp": time.time() + 60}, key, algorithm="HS256")
    assert ask(server, signed_url) == (401, "InvalidAuthenticationToken"), "a URL's signature is no token"


def test_the_token_of_another_server_opens_nothing(server: Any, fabric: Any, tmp_path: Path) -> None:
    other = type(server)(tmp_path / "other", fabric)
    try:
        assert ask(server, other.token()) == (401, "InvalidAuthenticationToken")
    finally:
        other.stop()
