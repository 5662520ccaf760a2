"""Which image the suites' own pods run: the agnhost that belongs to the build under test, whatever its tag."""

from __future__ import annotations

import json
import re
from pathlib import Path

_NAME = re.compile(r"/e2e-test-images/agnhost:(?P<version>[0-9.]+)$")


def agnhost(build: Path) -> str:
    """Full reference of the newest agnhost in the build's image list (``oci/index.json``)."""
    index = json.loads((build / "oci" / "index.json").read_text())
    names = [str(value) for entry in index["manifests"] for value in entry.get("annotations", {}).values()]
    found = {name: match["version"] for name in names if (match := _NAME.search(name))}
    assert found, f"no agnhost image in {build / 'oci' / 'index.json'}, which has: {', '.join(sorted(names))}"
    return max(found, key=lambda name: [int(part) for part in found[name].split(".")])
