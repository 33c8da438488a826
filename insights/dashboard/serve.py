"""Runs the application until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import webbrowser
from typing import TYPE_CHECKING, Final

from aiohttp import web

from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

SHUTDOWN_SECONDS: Final = 1.0
"""Open pages listen for new calls for ever."""


def serve(app: web.Application, *, host: str, port: int, said: Callable[[str], None], opened: bool) -> None:
    """Raises ConfigurationError if the port is taken."""
    with contextlib.suppress(KeyboardInterrupt, web.GracefulExit):
        asyncio.run(_serve(app, host, port, said, opened=opened))


async def _serve(app: web.Application, host: str, port: int, said: Callable[[str], None], *, opened: bool) -> None:
    runner = web.AppRunner(app, handle_signals=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigurationError(
                f"--host {host} --port {port}: cannot listen: {error.strerror or error}; --port 0 takes any free one"
            ) from None
        address = runner.addresses[0]
        name = f"[{address[0]}]" if ":" in address[0] else address[0]
        said(f"The page is at http://{name}:{address[1]} (Ctrl-C ends it)")
        if opened:
            webbrowser.open(f"http://{name}:{address[1]}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
