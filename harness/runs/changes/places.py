"""Where upstream's specs are, and what all of them stand on: facts about ``test/e2e`` of Kubernetes.

A file in the folder of an area holds specs, or helps those beside it. Every other Go file there is linked into e2e.test and used all over
(``test/e2e/feature`` names the features, ``test/e2e/e2e_test.go`` is the program itself), so a change of it may break any spec. A new
folder of a later version counts as such, until it is named here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.ginkgo.api import Spec

_ROOT = "test/e2e/"
_AREAS = (
    *("apimachinery", "apps", "architecture", "auth", "autoscaling", "dra", "instrumentation", "kubectl", "network"),
    *("node", "scheduling", "storage", "windows", "common/network", "common/node", "common/storage"),
)
"""Those of v1.35 to v1.37."""
_SPECS = re.compile(rf"{_ROOT}({'|'.join(_AREAS)})/.*\.go")


def has_specs(path: str) -> bool:
    """Whether specs may be in this file or beside it."""
    return _SPECS.fullmatch(path) is not None


def is_shared(path: str) -> bool:
    """Whether it is a Go file of e2e.test on which any spec may stand."""
    return path.startswith(_ROOT) and path.endswith(".go") and not has_specs(path)


def specs_at(path: str, specs: Sequence[Spec]) -> frozenset[str]:
    """Texts of the specs in this file, or beside it if it has none itself; none if it only helps others, who knows which."""
    for place in (f"{path}:", path.rpartition("/")[0] + "/"):
        if found := frozenset(spec.text for spec in specs if spec.location.startswith(place)):
            return found
    return frozenset()
