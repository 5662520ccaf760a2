"""Addresses as people paste them."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.jenkins.address import JobAddress, job_address


@pytest.mark.parametrize(
    ("text", "server", "job"),
    [
        ("https://ci.example.org", "https://ci.example.org/", "ingest"),
        ("https://ci.example.org/", "https://ci.example.org/", "ingest"),
        ("http://ci.example.org:8080/jenkins/", "http://ci.example.org:8080/jenkins/", "ingest"),
        ("https://ci.example.org/job/k8s/job/ingest/", "https://ci.example.org/", "k8s/ingest"),
        ("https://ci.example.org/jenkins/job/in%20gest", "https://ci.example.org/jenkins/", "in gest"),
    ],
)
def test_addresses(text: str, server: str, job: str) -> None:
    assert job_address(text, "ingest") == JobAddress(server, job)


def test_paths() -> None:
    assert job_address("https://ci.example.org/job/a b/job/c/").url == "https://ci.example.org/job/a%20b/job/c/"
    assert JobAddress("https://ci.example.org/", "k8s/in gest").path("build") == "job/k8s/job/in%20gest/build"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ci.example.org", "is not an address"),
        ("ftp://ci.example.org/job/x", "is not an address"),
        ("https://", "is not an address"),
        ("https://ci.example.org:port/", "is not an address"),
        ("https://ci.example.org/job/nightly/42/console", "is not the address of a job"),
        ("https://ci.example.org/job/nightly/?delay=0", "is not the address of a job"),
        ("https://maria:token@ci.example.org/job/ingest/", "holds a user or a password"),
        ("https://ci.example.org/", "names no job"),
    ],
)
def test_what_is_none(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        job_address(text)
    assert "token" not in str(caught.value)
