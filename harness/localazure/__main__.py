"""``python -m harness.localazure serve --state DIR``: local Azure in the foreground."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import EXIT_CODES, HarnessError, UsageError
from harness.localazure.fabric.api import Fabric
from harness.localazure.fabric.orphans import find_orphans
from harness.localazure.server import serve


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.localazure")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="serve until SIGTERM or POST /localazure/shutdown")
    serving.add_argument("--state", type=Path, required=True, help="folder of the store; made if missing")
    serving.add_argument("--fabric", default="linux", help="module of harness.localazure.fabric, or MODULE:CLASS")
    serving.add_argument(
        "--http-port", type=int, default=-1, help="default: the port of the last start, else a free one"
    )
    serving.add_argument("--https-port", type=int, default=-1)
    orphans = commands.add_parser(
        "orphans", help="list what fabrics left whose state folder is gone, a JSON object a line"
    )
    orphans.add_argument("--remove", action="store_true", help="remove it")
    arguments = parser.parse_args(argv)
    if arguments.command == "orphans":
        return _orphans(remove=arguments.remove)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        serve(
            arguments.state,
            lambda folder: _fabric(arguments.fabric, folder),
            http_port=arguments.http_port,
            https_port=arguments.https_port,
        )
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_CODES[error.outcome]
    return 0


def _orphans(*, remove: bool) -> int:
    for orphan in find_orphans():
        failure = orphan.remove() if remove else ""
        print(json.dumps({"state": str(orphan.state), "why": orphan.why, "failure": failure}), flush=True)
    return 0


def _fabric(name: str, folder: Path) -> Fabric:
    """``linux`` -> ``harness.localazure.fabric.linux:LinuxFabric``."""
    module, _, class_name = name.partition(":")
    if not class_name:
        module, class_name = f"harness.localazure.fabric.{name}", f"{name.capitalize()}Fabric"
    try:
        made: Fabric = getattr(importlib.import_module(module), class_name)(folder)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"use the fabric '{name}'", last_seen=str(error), hint="'linux' is the one there is"
        ) from error
    return made


if __name__ == "__main__":
    sys.exit(main())
