"""Where to: what was asked for, or what follows from where we are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.errors import UsageError
from harness.jenkins.address import job_address
from harness.jenkins.connection import Credentials
from harness.jenkins.patience import Patience
from harness.publishing.api import Publisher
from harness.publishing.files import FolderPublisher
from harness.publishing.ingest import JOB, IngestPublisher

IN_WORKSPACE = "published"
_JENKINS = ("JENKINS_URL", "BUILD_URL", "WORKSPACE")
"""Set in every step of a Jenkins build that has a workspace."""


def publisher(to: str, environ: Mapping[str, str], patience: Patience) -> Publisher:
    """Who publishes.

    :param to: the address of an ingest job or of a Jenkins, a folder, or nothing: inside Jenkins, the build's workspace.
    :raises UsageError: if it is none of these.
    """
    if "://" in to:
        return IngestPublisher(job_address(to, JOB), Credentials.of(environ), patience)
    if to:
        return FolderPublisher(Path(to).absolute())
    if all(environ.get(name) for name in _JENKINS):
        return FolderPublisher(Path(environ["WORKSPACE"]) / IN_WORKSPACE)
    raise UsageError(
        "--to is not given, and this is no build of Jenkins",
        hint="--to https://ci.example.org/job/kubernetes-azure-ingest/ for a Jenkins, --to DIR for a folder",
    )
