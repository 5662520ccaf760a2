"""Proves local Azure on a stock Debian 12 with cgroup v2, whatever this host has: ``.venv/bin/python tests/hosts/debian12.py``.

Makes the disks of such a host, boots it under QEMU without hardware virtualisation, and has it run as root: ``harness doctor``, the
fabric's own tests, then ``harness up``, a few tests of every suite, ``harness down``, and a look at what is left. Run by hand: everything
takes about thirty times as long as on the host itself. Needs root, mmdebstrap, qemu-system-x86, 10 GiB of disk, and a finished build.

Exit code: 0 passed, 1 a step failed, 2 wrong usage, 3 the virtual host did not finish.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import disks
import virtual

from harness.errors import HarnessError, UsageError

STEPS = ("facts", "doctor", "fabric", "up", "test", "down", "nothing_left")
_NEED_BUILD = {"doctor", "up", "test", "down"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument(
        "steps", nargs="*", metavar="STEP", help=f"steps to run, of {', '.join(STEPS)}; all when not given"
    )
    parser.add_argument(
        "--source", default="module:v1.37.2", help="whose finished build goes in (default: %(default)s)"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path("~/.cache/kubernetes-azure-harness"), help="build cache of this host"
    )
    parser.add_argument(
        "--work", type=Path, help="folder for disks and results, which stays; a temporary one when not given"
    )
    parser.add_argument(
        "--processors", type=int, default=os.cpu_count() or 1, help="of the virtual host (default: %(default)s)"
    )
    parser.add_argument(
        "--memory", type=int, default=6144, metavar="MIB", help="of the virtual host (default: %(default)s)"
    )
    parser.add_argument(
        "--patience", type=int, default=20, help="how much slower it is allowed to be (default: %(default)s)"
    )
    parser.add_argument(
        "--limit", type=float, default=180, metavar="MINUTES", help="for all steps (default: %(default)s)"
    )
    found = parser.parse_args()
    if unknown := [name for name in found.steps if name not in STEPS]:
        parser.error(f"unknown step {unknown[0]!r}: there are {', '.join(STEPS)}")
    found.steps = [name for name in STEPS if not found.steps or name in found.steps]
    found.cache = found.cache.expanduser().resolve()
    return found


def main() -> int:
    asked = arguments()
    try:
        if os.geteuid() != 0:
            raise UsageError("make disks with Debian's owners and modes", last_seen="not root", hint="run as root")
        virtual.check()
        if asked.work:
            return prove(asked, asked.work.resolve())
        with tempfile.TemporaryDirectory(prefix="harness-host-", dir="/var/tmp") as folder:
            return prove(asked, Path(folder))
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 2


def prove(asked: argparse.Namespace, work: Path) -> int:
    began = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    made = disks.make(work, asked.cache, asked.source if _NEED_BUILD & set(asked.steps) else "")
    seconds = {"disks": time.monotonic() - began}
    host = virtual.VirtualHost(made, virtual.Size(asked.processors, asked.memory), work)
    shutil.rmtree(host.results, ignore_errors=True)
    give(host.given, asked)
    disks.say(f"booting; console: {host.console}")
    began = time.monotonic()
    code = host.run(asked.limit * 60, lambda line: print(line, flush=True))
    seconds["virtual host"] = time.monotonic() - began
    return report(host, code, seconds)


def give(folder: Path, asked: argparse.Namespace) -> None:
    """Write the job and the checkout as it is now."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "checkout.tar", "w") as tar:
        for name in disks.checkout_files():
            tar.add(disks.TOP / name, name, filter=_of_root)
    build = f"/{disks.BUILD}"
    environment = {
        "PATH": disks.PATH,
        "HARNESS_CACHE": str(asked.cache),
        "HARNESS_STATE": f"{build}/state",
        "HARNESS_DEADLINE": f"{asked.limit:g}m",
        "HARNESS_PATIENCE": str(asked.patience),
        "GOMODCACHE": f"{build}/modules",
        "GOPROXY": "off",
        "GOSUMDB": "off",
    }
    lines = [
        "#!/bin/sh",
        "set -e",
        f"mkdir -p {shlex.quote(str(asked.cache.parent))}",
        f"ln -sfn {build}/cache {shlex.quote(str(asked.cache))}",
        f"cd /{disks.CHECKOUT}",
        "find . -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +",
        "tar -xf /mnt/in/checkout.tar",
        *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
        shlex.join(["exec", ".venv/bin/python", "tests/hosts/inside.py", "/mnt/out", asked.source, *asked.steps]),
    ]
    (folder / "job").write_text("\n".join(lines) + "\n")


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def report(host: virtual.VirtualHost, code: int | None, seconds: dict[str, float]) -> int:
    """Print what became of it; the exit code."""
    print()
    for name, taken in seconds.items():
        print(f"{name:<14} {taken:8.1f} s")
    record = host.results / "steps.json"
    results = json.loads(record.read_text()) if record.exists() else []
    for result in results:
        print(
            f"{result['step']:<14} {result['seconds']:8.1f} s  {'passed' if result['passed'] else 'FAILED: ' + result['error']}"
        )
    if code is None:
        tail = host.console.read_text(errors="replace").splitlines()[-15:] if host.console.exists() else []
        print("\n".join(["the virtual host did not finish; its console ends with:", *tail]))
        return 3
    print("verdict: " + ("passed" if code == 0 else "failed"))
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main())
