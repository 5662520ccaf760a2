"""``python -m harness.builds SOURCE [CACHE]``: build by hand; prints the folders of the build and of its managed image."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from harness.builds import open_builder
from harness.errors import EXIT_CODES, HarnessError
from harness.settings import Settings


def main(arguments: list[str]) -> int:
    """Build, make the image, print both folders."""
    if len(arguments) not in (1, 2):
        print("usage: python -m harness.builds SOURCE [CACHE]", file=sys.stderr)
        return 2
    begin = time.monotonic()

    def progress(line: str) -> None:
        print(f"{time.monotonic() - begin:6.1f} s  {line}", file=sys.stderr, flush=True)

    builder = open_builder(Path(arguments[1]) if len(arguments) == 2 else Settings().cache)
    try:
        build = builder.build(arguments[0], progress)
        print(build.folder)
        print(builder.node_image(build, progress))
    except HarnessError as caught:
        print(caught, file=sys.stderr)
        if caught.log_tail:
            print(caught.log_tail, file=sys.stderr)
        return EXIT_CODES[caught.outcome]
    progress("done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
