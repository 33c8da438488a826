"""A collector or backend that is down, busy, full or restarting: the bot answers, and every action arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from slashspan.exporters.delivery.retrying_exporter import RetryingExporter
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.span_spool import SpanSpool
from tests.support.collector import Collector, collector, needs_collector, running_collector, sending_to
from tests.support.otlp_backend import Backend, Verdict, running_backend
from tests.support.otlp_bots import interactions, otlp_environ, play
from tests.support.otlp_http_backend import running_http_backend
from tests.support.processes import PLAIN, RUN, BotProcess, bot_process
from tests.support.proxy import Proxy
from tests.support.spans import spans
from tests.support.waiting import until, until_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.support.otlp_backend import Received

BUSY = {
    "grpc-unavailable": Verdict(grpc.StatusCode.UNAVAILABLE, retry_after=0.1),
    "grpc-exhausted": Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after=0.1),
    "http-429": Verdict(429, retry_after=1),
    "http-503": Verdict(503, retry_after=1),
}


async def answered(bot: BotProcess, times: int) -> list[str]:
    """Ids of interactions, each answered before the next."""
    sent = []
    for _ in range(times):
        action = await bot.discord.slash("ping")
        await action.answered()
        sent.append(str(action.id))
    return sent


def arrived(backend: Received) -> set[str]:
    """Interactions, however often: what is answered too late on a busy machine is sent twice."""
    return set(interactions(backend.spans))


def first(times: int, verdict: Verdict) -> Callable[[Sequence[object]], Verdict]:
    """Refuses that many requests, then accepts."""
    left = iter([verdict] * times)
    return lambda _: next(left, Verdict())


@contextlib.contextmanager
def backend_of(name: str) -> Iterator[tuple[Received, str, str]]:
    """A backend that receives gRPC or HTTP, its protocol and its endpoint."""
    if name.startswith("grpc"):
        with running_backend() as backend:
            yield backend, "grpc", f"http://127.0.0.1:{backend.port}"
    else:
        with running_http_backend() as http_backend:
            yield http_backend, "http/protobuf", f"http://127.0.0.1:{http_backend.port}"


@pytest.mark.parametrize("how", ["refuses", "swallows"])
async def test_without_a_collector_a_bot_answers_and_sends_everything_once_it_is_there(
    how: str, tmp_path: Path
) -> None:
    """`refuses`: no connection is accepted. `swallows`: connections are, and nothing is ever answered."""
    with running_backend() as backend, Proxy(backend.port) as proxy:
        (proxy.refuse if how == "refuses" else proxy.black_hole)()
        settings = otlp_environ(f"http://127.0.0.1:{proxy.port}") | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        async with bot_process([*RUN, PLAIN], tmp_path, settings) as bot:
            sent = await answered(bot, 100)
            assert proxy.connections
            assert backend.spans == []
            (proxy.refuse if how == "refuses" else proxy.black_hole)(False)
            proxy.cut()
            await until_async(lambda: arrived(backend) == set(sent), 100)
            await bot.interrupt()
            assert await bot.ended() == 0


@pytest.mark.parametrize("name", BUSY)
async def test_a_bot_sends_again_what_a_busy_collector_refused(name: str, tmp_path: Path) -> None:
    with backend_of(name) as (backend, protocol, endpoint):
        backend.judge = first(3, BUSY[name])
        settings = otlp_environ(endpoint, protocol) | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        async with bot_process([*RUN, PLAIN], tmp_path, settings) as bot:
            sent = await answered(bot, 20)
            await until_async(lambda: arrived(backend) == set(sent), 100)
            assert backend.refusals == 3
            await bot.interrupt()
            assert await bot.ended() == 0


@pytest.mark.parametrize("name", ["grpc", "http"])
async def test_a_bot_does_not_send_again_what_was_rejected_for_good(name: str, tmp_path: Path) -> None:
    with backend_of(name) as (backend, protocol, endpoint):
        seen: Counter[bytes] = Counter()

        def rejects_one(request: Sequence[Any]) -> Verdict:
            seen.update(span.span_id for span in request)
            return Verdict(rejected=1)

        backend.judge = rejects_one
        sent = await play(tmp_path, otlp_environ(endpoint, protocol), times=5)
        assert len(seen) >= 2 * len(sent)
        assert set(seen.values()) == {1}


@needs_collector
@pytest.mark.parametrize("name", BUSY)
async def test_a_collector_sends_again_what_a_busy_backend_refused(name: str, tmp_path: Path) -> None:
    with backend_of(name) as (backend, protocol, endpoint):
        backend.judge = first(3, BUSY[name])
        environ = {
            "ANALYTICS_EXPORTER": "otlp_grpc" if protocol == "grpc" else "otlp_http",
            "ANALYTICS_ENDPOINT": endpoint.removeprefix("http://") if protocol == "grpc" else endpoint,
            "ANALYTICS_INSECURE": "true",
        }
        with running_collector(tmp_path, environ) as receiver:
            sent = await play(tmp_path, otlp_environ(f"http://127.0.0.1:{receiver.grpc_port}"))
            until(lambda: arrived(backend) == set(sent), 100)
            assert backend.refusals == 3


@needs_collector
async def test_a_collector_that_restarts_again_and_again_under_load_loses_nothing(tmp_path: Path) -> None:
    with collector(tmp_path) as (receiver, backend):
        settings = otlp_environ(f"http://127.0.0.1:{receiver.grpc_port}") | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        async with bot_process([*RUN, PLAIN], tmp_path, settings) as bot:
            sent: list[str] = []
            for round_ in range(4):
                load = asyncio.ensure_future(answered(bot, 100))
                await until_async(lambda: len(arrived(backend)) > len(sent) or load.done(), 60)  # noqa: B023
                await asyncio.to_thread(receiver.kill if round_ % 2 else receiver.stop)
                sent += await load
                await asyncio.to_thread(receiver.start)
            await until_async(lambda: arrived(backend) == set(sent), 100)
            assert len(sent) == 400
            await bot.interrupt()
            assert await bot.ended() == 0


@needs_collector
async def test_a_collector_that_has_no_memory_left_gets_the_spans_later(tmp_path: Path) -> None:
    with running_backend() as backend:
        receiver = Collector(tmp_path, sending_to(backend) | {"MEMORY_LIMIT_MIB": "2", "MEMORY_SPIKE_MIB": "1"})
        receiver.start()
        settings = otlp_environ(f"http://127.0.0.1:{receiver.grpc_port}") | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        async with bot_process([*RUN, PLAIN], tmp_path, settings) as bot:
            sent = await answered(bot, 10)
            await until_async(lambda: "Memory usage is above" in receiver.log, 60)
            assert backend.spans == []
            receiver.environ |= {"MEMORY_LIMIT_MIB": "512", "MEMORY_SPIKE_MIB": "128"}
            await asyncio.to_thread(receiver.stop)
            await asyncio.to_thread(receiver.start)
            await until_async(lambda: arrived(backend) == set(sent), 100)
            await bot.interrupt()
            assert await bot.ended() == 0
        receiver.kill()


@needs_collector
def test_while_its_queue_is_full_those_who_send_wait_and_nothing_is_lost(tmp_path: Path) -> None:
    backend = Backend()
    with running_collector(tmp_path, sending_to(backend) | {"QUEUE_SIZE": "5000"}) as receiver:
        inner = OTLPSpanExporter(f"http://127.0.0.1:{receiver.grpc_port}", insecure=True, timeout=2)
        exporter = RetryingExporter(inner, SpanSpool(Journal(tmp_path / "spool", max_bytes=2**26)), name="otlp")
        everything = spans(6_000)
        for start in range(0, len(everything), 100):
            exporter.export(everything[start : start + 100])
        until(lambda: exporter.counts().retried >= 1, 100)
        assert exporter.counts().waiting
        backend.start()
        try:
            assert exporter.force_flush(60_000)
            wanted = {span.context.span_id.to_bytes(8, "big") for span in everything}
            until(lambda: {span.span_id for span in backend.spans} == wanted, 100)
        finally:
            exporter.shutdown(1000)
            backend.stop()
        assert exporter.counts().dropped == {}
