"""Versions, as upstream's hack/lib/version.sh words them."""

from __future__ import annotations

import pytest

from harness.builds.checkouts.stamp import base, is_semantic, values, version_of

COMMIT = "84c76d1142ea4d"


@pytest.mark.parametrize(
    ("described", "dirty", "version"),
    [
        ("v1.37.2", False, "v1.37.2"),
        ("v1.37.2", True, "v1.37.2-dirty"),
        (f"v1.37.2-5-g{COMMIT}", False, f"v1.37.2-5+{COMMIT}"),
        (f"v1.37.2-5-g{COMMIT}", True, f"v1.37.2-5+{COMMIT}-dirty"),
        (f"v1.38.0-alpha.1-233-g{COMMIT}", False, f"v1.38.0-alpha.1.233+{COMMIT}"),
        ("v1.38.0-rc.0", False, "v1.38.0-rc.0"),
        (f"v1.37.2+vendor-5-g{COMMIT}", False, f"v1.37.2+vendor-5-g{COMMIT}"),
    ],
)
def test_version(described: str, dirty: bool, version: str) -> None:
    assert version_of(described, dirty=dirty) == version
    assert is_semantic(version)


@pytest.mark.parametrize("version", ["v1", "1.37.2", "v1.37.2_x", "vx.y.z", f"v1.37.2-5-g{COMMIT} "])
def test_what_upstream_refuses(version: str) -> None:
    assert not is_semantic(version)


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("v1.37.2", "v1.37.2"),
        (f"v1.37.2-5+{COMMIT}-dirty", "v1.37.2"),
        (f"v1.38.0-alpha.1.233+{COMMIT}", "v1.38.0-alpha.1"),
        ("v1.38.0-rc.0", "v1.38.0-rc.0"),
    ],
)
def test_base(version: str, release: str) -> None:
    assert base(version) == release


def test_minor_of_what_is_between_releases_has_a_plus() -> None:
    known = {"commit": "c", "state": "clean", "date": "d"}
    assert values("v1.37.2", **known)["gitMinor"] == "37"
    assert values(f"v1.37.2-5+{COMMIT}", **known)["gitMinor"] == "37+"
