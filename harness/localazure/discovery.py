"""``GET /metadata/endpoints``: where everything of this cloud is, in the two shapes that clients ask for.

The cloud provider asks with 2019-05-01 some 78 times when it starts and wants a list; ``az`` and Terraform ask with 2022-09-01 and
want an object. Both are made once for each base URL.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

_LIST_VERSIONS = ("2015-01-01", "2018-05-01", "2019-05-01", "2019-10-01", "2020-06-01")


class Discovery:
    """Answers with prepared bytes."""

    def __init__(self) -> None:
        self._prepared: dict[tuple[str, bool], bytes] = {}
        self.login = ""
        """Base URL of the HTTPS listener, where tokens are fetched by clients on the host."""

    async def endpoints(self, request: web.Request) -> web.Response:
        """The document for the host the client used."""
        base = f"{request.scheme}://{request.host}"
        many = request.query.get("api-version", "") in _LIST_VERSIONS
        body = self._prepared.get((base, many))
        if body is None:
            body = json.dumps([self._document(base)] if many else self._document(base)).encode()
            self._prepared[(base, many)] = body
        return web.Response(body=body, content_type="application/json")

    def _document(self, base: str) -> dict[str, Any]:
        inside = not base.removeprefix("http://").startswith("127.0.0.1")
        login = base if base.startswith("https") or inside else self.login
        return {
            "name": "LocalAzure",
            "portal": login,
            "authentication": {
                "loginEndpoint": f"{login}/",
                "audiences": [f"{base}/", base],
                "tenant": "adfs",
                "identityProvider": "ADFS",
            },
            "resourceManager": f"{base}/",
            "graph": f"{base}/",
            "graphAudience": f"{base}/",
            "microsoftGraphResourceId": f"{base}/",
            "gallery": f"{base}/",
            "batch": f"{base}/",
            "media": f"{base}/",
            "sqlManagement": f"{base}/",
            "activeDirectoryDataLake": f"{base}/",
            "vmImageAliasDoc": f"{base}/",
            "suffixes": {
                "storage": "core.local.invalid",
                "acrLoginServer": "azurecr.local.invalid",
                "keyVaultDns": "vault.local.invalid",
                "sqlServerHostname": "database.local.invalid",
                "azureDataLakeStoreFileSystem": "azuredatalakestore.local.invalid",
                "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.local.invalid",
                "mhsmDns": "managedhsm.local.invalid",
                "mysqlServerEndpoint": "mysql.local.invalid",
                "postgresqlServerEndpoint": "postgres.local.invalid",
                "mariadbServerEndpoint": "mariadb.local.invalid",
                "storageSyncEndpointSuffix": "afs.local.invalid",
                "synapseAnalytics": "synapse.local.invalid",
                "azureFrontDoorEndpointSuffix": "azurefd.local.invalid",
            },
        }
