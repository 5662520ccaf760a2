"""The public cloud: DefaultAzureCredential, a subscription, Debian 12 from the marketplace, and builds fetched from Blob storage."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient

from harness.builds import open_builder
from harness.builds.api import Build, Progress
from harness.clouds import bundles
from harness.clouds.api import NodeProfile
from harness.clouds.arm import Arm, ArmCloud, Endpoint, quiet
from harness.clouds.limit import limited
from harness.errors import UsageError
from harness.settings import Settings

_IMAGE = {"publisher": "Debian", "offer": "debian-12", "sku": "12-gen2", "version": "latest"}
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")


class AzureCloud(ArmCloud):
    """Found by the entry point ``azure``."""

    name = "azure"

    def __init__(self, settings: Settings) -> None:
        if not _GUID.fullmatch(settings.subscription):
            raise UsageError(
                f"--subscription: {settings.subscription!r} is not a subscription id",
                hint="give --subscription, or set AZURE_SUBSCRIPTION_ID (az account show --query id)",
            )
        if not _ACCOUNT.fullmatch(settings.storage_account):
            raise UsageError(
                f"--storage-account: {settings.storage_account!r} is not the name of a storage account",
                hint="nodes fetch the build from there: give an account on which you are Storage Blob Data Contributor",
            )
        self._settings = settings
        self.subscription = settings.subscription

    def __enter__(self) -> AzureCloud:
        self._credential = DefaultAzureCredential()
        pace = self._settings.state / "pace" / f"{self.subscription}.json"
        self._arm = Arm(Endpoint(subscription=self.subscription, credential=self._credential, pace=pace))
        return self

    def __exit__(self, *exc: object) -> None:
        self._arm.close()
        self._credential.close()

    def stage(self, build: Build, progress: Progress) -> None:
        """Pack the build and upload it, unless it is there."""
        self._published(build, progress)

    def node_profile(self, build: Build, location: str, group: str, deadline: datetime) -> NodeProfile:
        """Sign a URL by which the nodes fetch the build, uploading it first if need be."""
        url, digest = self._published(build, quiet)
        with limited(deadline):
            known = self._arm.get(f"/subscriptions/{self.subscription}?api-version=2022-12-01")
        return NodeProfile(
            image_reference=_IMAGE,
            prebuilt=False,
            bundle_url=url,
            bundle_sha256=digest,
            tenant=str(known["tenantId"]),
            vm_size=self._settings.vm_size,
        )

    def _published(self, build: Build, progress: Progress) -> tuple[str, str]:
        """Signed URL and digest of the build's bundle in Blob storage."""
        bundle = open_builder(self._settings.cache).bundle(build, progress)
        digest = bundles.sha256(bundle)
        account = f"https://{self._settings.storage_account}.blob.core.windows.net"
        with BlobServiceClient(account, credential=self._credential) as service:
            progress(f"publishing the build in storage account {self._settings.storage_account}")
            name = bundles.upload(service, bundle, digest)
            return bundles.signed_url(service, name, datetime.now(UTC)), digest
