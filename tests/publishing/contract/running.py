"""A contract server in a process of its own, so that it can be killed and started again under its clients."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

_TESTS = Path(__file__).parents[2]
_MODULE = "publishing.contract"


class Contract:
    """The server, and what tests tell it and ask of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._port = 0
        self._process = self._start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def _start(self) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", _MODULE, str(self._port), str(self.home)]
        process = subprocess.Popen(argv, cwd=_TESTS, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        self._port = int(process.stdout.readline())
        return process

    def stop(self) -> None:
        """Shut it down properly."""
        self._process.terminate()
        self._process.wait(60)
        assert self._process.stdout
        self._process.stdout.close()

    def restart(self) -> None:
        """As an administrator does."""
        self.stop()
        self._process = self._start()

    @contextmanager
    def reviving(self) -> Iterator[None]:
        """Start it again whenever it has crashed."""
        over = threading.Event()

        def revive() -> None:
            while not over.is_set():
                if self._process.poll() is None:
                    over.wait(0.02)
                    continue
                assert self._process.stdout
                self._process.stdout.close()
                self._process = self._start()

        thread = threading.Thread(target=revive)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def fault(self, kind: str, when: str = "before", **values: Any) -> None:
        """The next fitting requests meet this, see :class:`.faults.Fault`."""
        self._ask("POST", "faults", json={"kind": kind, "when": when, **values})

    def set(self, **values: Any) -> None:
        """Change the model's settings."""
        self._ask("POST", "settings", json=values)

    def clear(self) -> None:
        """Forget faults and journal, and be as at first."""
        self._ask("DELETE", "faults")
        self.set(quiet=0.0, memory=300.0, executors=16, torn=False, flush=1, names=True)

    @property
    def journal(self) -> list[dict[str, Any]]:
        return list(self._ask("GET", "journal"))

    def builds(self, run: str) -> list[dict[str, Any]]:
        """Builds that carry this RUN_ID."""
        return [build for build in self._ask("GET", "builds") if build["run"] == run]

    def counts(self) -> Counter[str]:
        """Builds by RUN_ID."""
        return Counter(build["run"] for build in self._ask("GET", "builds"))

    def _ask(self, method: str, what: str, **values: Any) -> Any:
        answer = requests.request(method, f"{self.url}contract/{what}", timeout=60, **values)
        answer.raise_for_status()
        return answer.json()
