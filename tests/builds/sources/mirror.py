"""A mirror laid out like dl.k8s.io, on loopback: files of a folder, and the faults that a test asks for."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.builds.sources.release import PROGRAMS


@dataclass
class Server:
    """What it serves and what it was asked for."""

    url: str
    folder: Path
    asked: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Paths that break off, once each."""
    busy: list[int] = field(default_factory=list)
    """Statuses of the next answers."""

    def add(self, path: str, content: bytes) -> None:
        """A file with its checksums, as upstream's release tools write them: the digest alone."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        for name in ("sha256", "sha512"):
            target.with_name(f"{target.name}.{name}").write_text(hashlib.new(name, content).hexdigest())

    def mark(self, marker: str, version: str) -> None:
        """A version marker."""
        (self.folder / marker).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / marker).write_text(f"{version}\n")

    def publish(
        self, base: str, programs: Mapping[str, bytes], tests: bytes, tree: Mapping[str, str], top: str = ""
    ) -> None:
        """A version: programs, test archive, sources; ``top`` is the folder around the sources in their archive."""
        for name in PROGRAMS:
            self.add(f"{base}/bin/linux/amd64/{name}", programs[name])
        self.add(f"{base}/kubernetes-test-linux-amd64.tar.gz", archive({"kubernetes/test/bin/e2e.test": tests}))
        self.add(f"{base}/kubernetes-src.tar.gz", archive({top + name: text.encode() for name, text in tree.items()}))


def archive(files: Mapping[str, bytes]) -> bytes:
    """A .tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as opened:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return packed.getvalue()


class _Handler(http.server.SimpleHTTPRequestHandler):
    server_facts: Server

    def do_GET(self) -> None:
        facts = self.server_facts
        facts.asked.append(self.path)
        if facts.busy:
            self.send_error(facts.busy.pop(0))
        elif self.path.lstrip("/") in facts.broken:
            facts.broken.remove(self.path.lstrip("/"))
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        return None


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """The server; ends with the test."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = type("Handler", (_Handler,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    facts = Server(f"http://127.0.0.1:{server.server_port}", folder)
    handler.server_facts = facts  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield facts
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
