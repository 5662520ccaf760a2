"""Builds in Blob storage: uploaded once a build, fetched by nodes with a URL that can read exactly that blob for a while.

The signature comes from a user delegation key, so that no storage account key is needed or known.
Source: https://learn.microsoft.com/azure/storage/blobs/storage-blob-user-delegation-sas-create-python
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from harness.clouds.errors import translated

CONTAINER = "kubernetes-azure-harness"
_READABLE = timedelta(hours=24)
_SKEW = timedelta(minutes=15)
_CHUNK = 8 * 1024 * 1024
_AT_ONCE = 4


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def upload(service: BlobServiceClient, bundle: Path, digest: str) -> str:
    """Upload unless a blob with this digest is there; returns the blob's name."""
    name = f"{digest}/{bundle.name}"
    with translated(f"upload the build to {service.account_name}/{CONTAINER}"):
        container = service.get_container_client(CONTAINER)
        with suppress(ResourceExistsError):  # made by an earlier run
            container.create_container()
        blob = container.get_blob_client(name)
        if not blob.exists():
            with bundle.open("rb") as data:
                blob.upload_blob(data, max_concurrency=_AT_ONCE, length=bundle.stat().st_size, overwrite=True)
    return name


def signed_url(service: BlobServiceClient, name: str, now: datetime, account_key: str = "") -> str:
    """A URL that reads this blob for a day; a secret.

    :param account_key: signs instead of a user delegation key, for accounts that have no Entra identity (Azurite).
    """
    begin, end = now - _SKEW, now + _READABLE
    with translated(f"sign a URL for {CONTAINER}/{name}"):
        delegation = None if account_key else service.get_user_delegation_key(begin, end)
        signature = generate_blob_sas(
            service.account_name or "",
            CONTAINER,
            name,
            user_delegation_key=delegation,
            account_key=account_key or None,
            permission=BlobSasPermissions(read=True),
            start=begin,
            expiry=end,
        )
    return f"{service.get_blob_client(CONTAINER, name).url}?{signature}"
