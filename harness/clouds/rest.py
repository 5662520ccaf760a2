"""ARM by plain requests, for what no installed client covers; with the credential, retries and pace of the clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.rest import HttpRequest, HttpResponse


class Sender(Protocol):
    """What every management client can do."""

    def send_request(self, request: HttpRequest, *, stream: bool = False, **kwargs: Any) -> HttpResponse: ...


class Rest:
    """One ARM endpoint. Every method raises what the SDK raises."""

    def __init__(self, sender: Sender, endpoint: str, subscription: str) -> None:
        self._sender = sender
        self._endpoint = endpoint
        self.scope = f"/subscriptions/{subscription}"

    def send(self, method: str, path: str) -> HttpResponse:
        """Any answer, errors too; ``path`` starts below the endpoint, or is an absolute URL of it."""
        url = path if path.startswith("https://") else f"{self._endpoint}{path}"
        return self._sender.send_request(HttpRequest(method, url))

    def get(self, path: str) -> dict[str, Any]:
        """The body of a GET."""
        response = self.send("GET", path)
        raise_for(response)
        body: dict[str, Any] = response.json()
        return body

    def list(self, path: str) -> Iterator[dict[str, Any]]:
        """Every entry of a collection, page by page."""
        while path:
            body = self.get(path)
            yield from body.get("value") or ()
            path = str(body.get("nextLink") or "")

    def exists(self, path: str) -> bool:
        """False only for 404; anything else that is no success is raised."""
        response = self.send("GET", path)
        if response.status_code == 404:
            return False
        raise_for(response)
        return True

    def delete(self, path: str) -> None:
        """Ask for its deletion; one that does not exist is gone already."""
        response = self.send("DELETE", path)
        if response.status_code != 404:
            raise_for(response)


def raise_for(response: HttpResponse) -> None:
    """Raise ``HttpResponseError`` with ARM's code for an answer that is an error; ``ResourceNotFoundError`` for 404, as clients do."""
    if response.status_code >= 400:
        from azure.mgmt.core.exceptions import ARMErrorFormat

        kind = ResourceNotFoundError if response.status_code == 404 else HttpResponseError
        raise kind(response=response, error_format=ARMErrorFormat)
