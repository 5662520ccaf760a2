"""What a conforming cluster of a version has to pass: conformance.yaml, which every e2e.test carries in itself and prints.

Kubernetes generates that file from its sources (``test/conformance/testdata/conformance.yaml``), and the CNCF's submissions are checked
against it. It is asked for when it is first wanted and kept beside the inventory, so that no key of a build depends on it.
Flag: v1.37.2 ``test/e2e/e2e_test.go``, the same in v1.35 and v1.36.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import yaml

from harness import atomic
from harness.builds.command import run
from harness.errors import BuildError

FILE = "conformance.json"
_LIMIT = 60.0
"""Seconds; 0.3 are usual."""


def required_specs(build: Path) -> tuple[str, ...]:
    """Full texts of the specs that conformance asks for, sorted; raises ``BuildError`` if e2e.test does not tell.

    :param build: folder of the build.
    """
    kept = build / FILE
    try:
        return tuple(json.loads(kept.read_text())["specs"])
    except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged: asked for (again)
        specs = _ask(build / "bin" / "e2e.test")
    with suppress(OSError):  # a cache that others own may be read-only
        atomic.write(kept, json.dumps({"specs": specs}, indent=0) + "\n")
    return specs


def _ask(program: Path) -> tuple[str, ...]:
    attempt = "list the conformance specs of e2e.test"
    printed = run([program, "--list-conformance-tests"], attempt, timeout=_LIMIT)
    try:
        specs = sorted(" ".join(entry["codename"].split()) for entry in yaml.load(printed, _LOADER))  # noqa: S506 - it is a safe one
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise BuildError(attempt, last_seen=f"not a conformance.yaml: {' '.join(str(error).split())[:200]}") from error
    if not specs:
        raise BuildError(attempt, last_seen="there are none")
    return tuple(specs)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The file has 250 kB, which libyaml parses about ten times as fast as pure Python."""
