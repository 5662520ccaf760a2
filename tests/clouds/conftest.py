"""Local Azure's real server over a fabric that only records, and the clouds' own way to talk to an ARM endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential
from localazure.conftest import RunningServer, fabric, server

from harness.clouds.arm import Arm, Endpoint

__all__ = ["fabric", "server"]


@contextmanager
def opened(server: RunningServer, *, secret: str = "", url: str = "", **fields: Any) -> Iterator[Arm]:
    """The server as the clouds open an ARM endpoint, but impatient."""
    facts = server.facts
    credential = ClientSecretCredential(
        facts["tenant"],
        facts["client_id"],
        secret or facts["client_secret"],
        authority=facts["https"],
        connection_verify=facts["ca"],
        disable_instance_discovery=True,
        retry_total=0,
    )
    with closing(credential), closing(Arm(endpoint(server, credential, url=url, **fields))) as arm:
        yield arm


def endpoint(server: RunningServer, credential: TokenCredential, *, url: str = "", **fields: Any) -> Endpoint:
    """The server for whoever this credential is of."""
    return Endpoint(
        server.facts["subscription"],
        credential,
        url=url or server.facts["https"],
        authority_file=server.facts["ca"],
        **{"polling": 0.05, "retries": 0, "patience": 0.0, **fields},
    )


@pytest.fixture
def arm(server: RunningServer) -> Iterator[Arm]:
    with opened(server) as found:
        yield found
