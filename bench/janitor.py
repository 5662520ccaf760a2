"""``harness sweep`` of many expired groups, each of which takes its time to go, against the sum of their deletions and the API's limit.

``bench/janitor.py [GROUPS] [SECONDS]`` (500 groups, 10 s each). Local Azure is real; its fabric only records, because what is measured
is the janitor: how much is under way at once, and how many requests that costs.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TOP = Path(__file__).resolve().parent.parent
FABRIC = ("--fabric", "recording_fabric:FakeFabric")
BUCKET, REFILL = 200, 10
"""Deletions that ARM takes at once, and more of them a second (subscription limits of 2024)."""


def main() -> int:
    """Make the groups, sweep, print."""
    from harness.clouds.local import LocalCloud
    from harness.runs.parts import Parts
    from harness.runs.sweep import carry_out, find
    from harness.settings import load

    count, seconds = (int(given) for given in [*sys.argv[1:], "500", "10"][:2])
    os.environ["PYTHONPATH"] = str(TOP / "tests" / "localazure")
    with TemporaryDirectory() as base:
        settings = load({"state": "state", "reports": "reports"}, {}, Path(base))
        with LocalCloud(settings, FABRIC) as cloud:
            tags = {"harness-run": "r", "harness-owner": "bench", "harness-expires": "2020-01-01T00:00:00Z"}
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda n: cloud.create_group(f"old-{n}", "westeurope", tags), range(count)))
            info = json.loads((settings.state / "localazure" / "server.json").read_text())
            ask(info, "faults", {"kind": "operation", "method": "DELETE", "count": -1, "seconds": seconds})
            began = time.monotonic()
            items = carry_out(find(settings, Parts(), cloud), cloud, lambda item: None)
            spent = time.monotonic() - began
            requests = [entry["method"] for entry in ask(info, "journal")["value"] if entry["path"].count("/") < 6]
    deleted = sum(item.action == "deleted" for item in items)
    floor = seconds + max(0, count - BUCKET) / REFILL
    print(f"groups deleted                {deleted:8d} of {count}")
    print(f"swept in                      {spent:8.1f} s")
    print(f"one deletion + API's limit    {floor:8.1f} s   ratio {spent / floor:.2f}")
    print(f"sum of deletions              {count * seconds:8d} s   ratio {spent / (count * seconds):.4f}")
    print(f"DELETE and GET per group      {requests.count('DELETE') / count:8.1f}, {requests.count('GET') / count:.1f}")
    return 0 if deleted == count else 1


def ask(info: dict[str, Any], path: str, body: Any = None) -> Any:
    """Local Azure's own interface."""
    request = urllib.request.Request(
        f"{info['http']}/localazure/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {info['client_secret']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    sys.exit(main())
