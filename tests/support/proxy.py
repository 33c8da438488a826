"""A TCP proxy that simulates a slow or broken network: delays, cuts, swallows and refuses."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self


@contextlib.contextmanager
def proxy_process(target_port: int, *, delay: float) -> Iterator[int]:
    """The port of a Proxy in a process of its own, where it takes no CPU time from what is measured."""
    context = multiprocessing.get_context("spawn")
    ports: multiprocessing.Queue[int] = context.Queue()
    process = context.Process(target=_serve_forever, args=(target_port, delay, ports), daemon=True)
    process.start()
    try:
        yield ports.get(timeout=30)
    finally:
        process.kill()
        process.join()


def _serve_forever(target_port: int, delay: float, ports: multiprocessing.Queue[int]) -> None:
    with Proxy(target_port, delay=delay) as proxy:
        ports.put(proxy.port)
        threading.Event().wait()


class Proxy:
    """Forwards 127.0.0.1:`port` to `target_port`. `delay`: seconds each way. Used in a `with` block.

    `round_trips`: how often the client sent something after the server had. Runs in a thread of its own.
    """

    def __init__(self, target_port: int, *, delay: float = 0.0) -> None:
        self.delay = delay
        self.round_trips = 0
        self.connections = 0
        self._target_port = target_port
        self._black_hole = False
        self._swallow_answers = False
        self._refusing = False
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="proxy", daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self) -> None:
        """Close every connection at once."""

        async def close() -> None:
            for writer in list(self._writers):
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()

    def refuse(self, on: bool = True) -> None:
        """Close new connections at once, and cut the existing ones."""
        self._refusing = on
        if on:
            self.cut()

    def black_hole(self, on: bool = True) -> None:
        """Accept everything, forward nothing, close nothing."""
        self._black_hole = on

    def swallow_answers(self, on: bool = True) -> None:
        """Forward requests but no answers: the client cannot know what was committed."""
        self._swallow_answers = on

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        self.connections += 1
        try:
            if self._refusing:
                return
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(up_writer)
            server_spoke = [True]
            await asyncio.gather(
                self._pump(reader, up_writer, server_spoke, False), self._pump(up_reader, writer, server_spoke, True)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server_spoke: list[bool], from_server: bool
    ) -> None:
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await line.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not data:
                    with contextlib.suppress(OSError):
                        writer.write_eof()
                    return
                if not self._black_hole and not (from_server and self._swallow_answers):
                    writer.write(data)
                    await writer.drain()

        sender = asyncio.ensure_future(deliver())
        try:
            while True:
                data = await reader.read(65536)
                if data and not from_server and server_spoke[0]:
                    self.round_trips += 1
                server_spoke[0] = from_server
                line.put_nowait((self._loop.time() + self.delay, data))
                if not data:
                    break
            await sender
        finally:
            sender.cancel()
