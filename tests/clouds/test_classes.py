"""Every way in which Azure refuses has one class, told by its code: seen at a real server, by the clients that runs use."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from azure.identity import ChainedTokenCredential, ClientAssertionCredential
from localazure.conftest import RunningServer
from recording_fabric import FakeFabric

from harness.clouds.arm import Arm
from harness.errors import CloudError, DeployError, HarnessError, Outcome, Remedy

from .conftest import endpoint, opened

PLACE = "westeurope"
NONE, AGAIN, ELSEWHERE, LATER = Remedy.NONE, Remedy.AGAIN, Remedy.ELSEWHERE, Remedy.LATER

CODES = [
    # resources of a deployment
    ("QuotaExceeded", 409, Outcome.QUOTA, ELSEWHERE),
    ("ResourceQuotaExceeded", 409, Outcome.QUOTA, ELSEWHERE),
    ("PublicIPCountLimitReached", 400, Outcome.QUOTA, ELSEWHERE),
    ("DeploymentQuotaExceeded", 409, Outcome.QUOTA, AGAIN),
    ("SkuNotAvailable", 409, Outcome.QUOTA, ELSEWHERE),
    ("NotAvailableForSubscription", 409, Outcome.QUOTA, ELSEWHERE),
    ("AllocationFailed", 409, Outcome.QUOTA, ELSEWHERE),
    ("ZonalAllocationFailed", 409, Outcome.QUOTA, ELSEWHERE),
    ("OverconstrainedAllocationRequest", 409, Outcome.QUOTA, ELSEWHERE),
    ("OverconstrainedZonalAllocationRequest", 409, Outcome.QUOTA, ELSEWHERE),
    ("OSProvisioningTimedOut", 409, Outcome.CLOUD, AGAIN),
    ("VMStartTimedOut", 409, Outcome.CLOUD, AGAIN),
    ("AnotherOperationInProgress", 409, Outcome.CLOUD, AGAIN),
    ("RetryableError", 429, Outcome.CLOUD, AGAIN),
    ("BadGateway", 502, Outcome.CLOUD, AGAIN),
    ("DnsRecordInUse", 400, Outcome.CLOUD, AGAIN),
    ("PrincipalNotFound", 400, Outcome.CLOUD, AGAIN),
    ("TooManyRequests", 429, Outcome.THROTTLED, LATER),
    ("OperationNotAllowed", 409, Outcome.CLOUD, NONE),
    ("AuthorizationFailed", 403, Outcome.CLOUD, NONE),
    ("LinkedAuthorizationFailed", 403, Outcome.CLOUD, NONE),
    ("RequestDisallowedByPolicy", 403, Outcome.CLOUD, NONE),
    ("ScopeLocked", 409, Outcome.CLOUD, NONE),
    ("InvalidTemplate", 400, Outcome.HARNESS, NONE),
    ("SomethingNobodyHasSeen", 400, Outcome.CLOUD, NONE),
]


def fault(server: RunningServer, kind: str, **fields: Any) -> None:
    server.ok("POST", "/localazure/faults", {"kind": kind, "message": "as told", **fields})


def group(arm: Arm, name: str = "g") -> str:
    arm.create_group(name, PLACE, {"harness-run": "r"})
    return name


def address(name: str = "a", **properties: Any) -> dict[str, Any]:
    return {
        "type": "Microsoft.Network/publicIPAddresses",
        "apiVersion": "2025-05-01",
        "name": name,
        "location": PLACE,
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static", **properties},
    }


def deployed(arm: Arm, *resources: dict[str, Any]) -> HarnessError:
    """The error with which a deployment of these resources fails."""
    with pytest.raises(HarnessError) as caught:
        deploy(arm, *resources)
    return caught.value


def deploy(arm: Arm, *resources: dict[str, Any], seconds: float = 20) -> None:
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": list(resources),
    }
    arm.deploy("g", "d", template, {}, datetime.now(UTC) + timedelta(seconds=seconds))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for all tests of this file; each clears what it set."""
    folder = tmp_path_factory.mktemp("classes")
    running = RunningServer(folder / "state", FakeFabric(folder))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def calm(server: RunningServer) -> Iterator[None]:
    yield
    server.ok("DELETE", "/localazure/faults")
    server.ok("POST", "/localazure/config", {"quota": {}, "secret_expires": 0})


@pytest.mark.parametrize(("code", "status", "outcome", "remedy"), CODES)
def test_a_refused_resource_of_a_deployment(
    server: RunningServer, arm: Arm, code: str, status: int, outcome: Outcome, remedy: Remedy
) -> None:
    group(arm)
    fault(server, code, path="publicIPAddresses/a", status=status)
    error = deployed(arm, address())
    assert (error.outcome, error.remedy, error.code) == (outcome, remedy, code)
    assert f"{code}: as told" in error.last_seen
    assert "DeploymentFailed" in error.log_tail, "the whole answer is kept"


@pytest.mark.parametrize(("code", "status", "outcome", "remedy"), CODES)
def test_a_refused_request(
    server: RunningServer, arm: Arm, code: str, status: int, outcome: Outcome, remedy: Remedy
) -> None:
    fault(server, "conflict", method="PUT", path="resourcegroups/g", status=status, code=code)
    with pytest.raises(HarnessError) as caught:
        group(arm)
    assert (caught.value.outcome, caught.value.remedy, caught.value.code) == (outcome, remedy, code)
    assert "x-ms-correlation-request-id: " in caught.value.log_tail, "what Microsoft's support asks for"


@pytest.mark.parametrize(
    ("status", "outcome", "remedy"),
    [
        (429, Outcome.THROTTLED, LATER),
        (500, Outcome.CLOUD, AGAIN),
        (503, Outcome.CLOUD, AGAIN),
        (403, Outcome.CLOUD, NONE),
    ],
)
def test_the_status_decides_where_no_code_is_known(
    server: RunningServer, arm: Arm, status: int, outcome: Outcome, remedy: Remedy
) -> None:
    fault(server, "Unheard", method="PUT", path="resourcegroups/g", status=status, message="quota capacity throttled")
    with pytest.raises(HarnessError) as caught:
        group(arm)
    assert (caught.value.outcome, caught.value.remedy) == (outcome, remedy), "prose is not read"


def test_an_expired_secret(server: RunningServer, arm: Arm) -> None:
    server.ok("POST", "/localazure/config", {"secret_expires": time.time() - 1})
    with pytest.raises(CloudError) as caught:
        group(arm)
    assert caught.value.code == "AADSTS7000222"
    assert caught.value.remedy is NONE
    assert "az ad app credential reset" in caught.value.hint


def test_a_wrong_secret(server: RunningServer) -> None:
    with opened(server, secret="wrong") as stranger, pytest.raises(CloudError) as caught:
        group(stranger)
    assert caught.value.code == "AADSTS7000215"


def test_a_federated_token_that_is_too_old(server: RunningServer) -> None:
    """A job's token file lives for minutes; its renewal is CI's, and running again is of no use before."""
    with refusing(server, "AADSTS700024: Client assertion is not within its valid time range.") as authority:
        credential = ClientAssertionCredential(
            server.facts["tenant"],
            server.facts["client_id"],
            lambda: "expired",
            authority=authority,
            connection_verify=server.facts["ca"],
            disable_instance_discovery=True,
            retry_total=0,
        )
        with closing(credential), closing(Arm(endpoint(server, credential))) as arm:
            with pytest.raises(CloudError) as caught:
                group(arm)
            chained = ChainedTokenCredential(credential)  # tells the codes in prose only
            with closing(Arm(endpoint(server, chained))) as another, pytest.raises(CloudError) as told:
                group(another)
    for error in (caught.value, told.value):
        assert (error.code, error.outcome, error.remedy) == ("AADSTS700024", Outcome.CLOUD, NONE)
        assert "AZURE_FEDERATED_TOKEN_FILE" in error.hint


@contextmanager
def refusing(server: RunningServer, text: str) -> Iterator[str]:
    """A directory that gives nobody a token; its URL."""

    class Directory(BaseHTTPRequestHandler):
        def _answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            base = f"https://{self.headers['Host']}/{self.path.split('/')[1]}"
            names = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
            self._answer(200, {name: f"{base}/{name}" for name in names})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            number = int(text.partition(":")[0].removeprefix("AADSTS"))
            self._answer(401, {"error": "invalid_client", "error_description": text, "error_codes": [number]})

        def log_message(self, *arguments: Any) -> None:
            return None

    directory = ThreadingHTTPServer(("127.0.0.1", 0), Directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = Path(server.facts["ca"]).parent
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    directory.socket = context.wrap_socket(directory.socket, server_side=True)
    thread = Thread(target=directory.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://127.0.0.1:{directory.server_port}"
    finally:
        directory.shutdown()
        thread.join()
        directory.server_close()


def test_a_taken_dns_label(arm: Arm) -> None:
    group(arm)
    label = {"dnsSettings": {"domainNameLabel": "taken-by-us"}}
    error = deployed(arm, address("a", **label), address("b", **label))
    assert (error.code, error.remedy) == ("DnsRecordInUse", AGAIN)


def test_exhausted_addresses(server: RunningServer, arm: Arm) -> None:
    group(arm)
    server.ok("POST", "/localazure/config", {"quota": {PLACE: {"PublicIPAddresses": 0}}})
    error = deployed(arm, address("another"))
    assert (error.code, error.outcome) == ("PublicIPCountLimitReached", Outcome.QUOTA)


def test_nobody_answers(server: RunningServer) -> None:
    with opened(server, url="https://127.0.0.1:9") as nowhere, pytest.raises(CloudError) as caught:
        group(nowhere)
    assert caught.value.remedy is AGAIN


def test_a_deployment_that_takes_too_long(server: RunningServer, arm: Arm) -> None:
    group(arm)
    server.ok(
        "POST", "/localazure/faults", {"kind": "operation", "method": "PUT", "path": "deployments/d", "seconds": 5}
    )
    with pytest.raises(DeployError, match="longer --deadline"):
        deploy(arm, address(), seconds=0.2)
