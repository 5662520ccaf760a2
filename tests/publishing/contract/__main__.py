"""``python -m publishing.contract PORT HOME``: serves until SIGTERM; says so by one line once it listens."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from aiohttp import web

from .app import Application
from .model import Model


async def main(port: int, home: Path) -> None:
    """Serve on loopback."""
    home.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anybody is served
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    runner = web.AppRunner(Application(Model(home)).app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await ended.wait()
    await runner.cleanup()


asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
