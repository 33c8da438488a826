"""collector-gateway.yaml in the real collector: a row of every command, and the traces that are worth keeping."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, set_span_in_context

from slashspan import semconv
from slashspan.semconv import Outcome
from tests.support.collector import CONFIG, GATEWAY, Collector, needs_collector, running_collector, sending_to
from tests.support.otlp_backend import Backend, running_backend
from tests.support.otlp_bots import attributes, interactions, otlp_environ, play
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.prometheus import samples
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Tracer

pytestmark = needs_collector
NOW_NS = 1_795_452_472_714_022_999
KEPT = {Outcome.ERROR, Outcome.EXPIRED, Outcome.INTERRUPTED}


@dataclass(frozen=True, slots=True)
class Gateway:
    collector: Collector
    rows: Backend
    traces: Backend

    def send(self, spans: list[ReadableSpan]) -> None:
        exporter = OTLPSpanExporter(
            f"http://127.0.0.1:{self.collector.grpc_port}", insecure=True, headers={"authorization": "Bearer token"}
        )
        for start in range(0, len(spans), 512):
            assert exporter.export(spans[start : start + 512]) is SpanExportResult.SUCCESS
        exporter.shutdown()

    def decided(self) -> dict[str, float]:
        """How many traces are kept (`true`) and left out (`false`)."""
        name = "otelcol_processor_tail_sampling_global_count_traces_sampled_total"
        found = samples(self.collector.own_metrics_port)
        return {labels["sampled"]: value for sample, labels, value in found if sample == name}


@contextlib.contextmanager
def gateway(folder: Path, **environ: str) -> Iterator[Gateway]:
    with running_backend() as rows, running_backend() as traces:
        given = {
            "ANALYTICS_EXPORTER": "otlp_grpc",
            **sending_to(rows),
            "OTLP_TOKEN": "token",
            "TRACE_STORE_ENDPOINT": f"127.0.0.1:{traces.port}",
            "TRACE_STORE_INSECURE": "true",
            "SAMPLING_WAIT": "1s",
            **environ,
        }
        with running_collector(folder, given, GATEWAY) as running:
            yield Gateway(running, rows, traces)


@functools.cache
def bot() -> tuple[Tracer, InMemorySpanExporter]:
    """What makes the spans of a bot. Thousands of them are sent: a provider for each command would take seconds."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "ladder-bot"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return provider.get_tracer("slashspan"), memory


def command(number: int, outcome: str = Outcome.OK, ms: float = 5.0, name: str = "ping") -> list[ReadableSpan]:
    """The trace of a command: its request to Discord, then itself, as a bot ends them."""
    tracer, memory = bot()
    memory.clear()
    given = {
        semconv.KIND: "slash",
        semconv.COMMAND_NAME: name,
        semconv.OUTCOME: outcome,
        semconv.INTERACTION_ID: str(number),
        semconv.USER_ID: "80351110224678912",
        semconv.USER_NAME: "nelly",
    }
    root = tracer.start_span(f"slash {name}", kind=SpanKind.SERVER, attributes=given, start_time=NOW_NS)
    root.add_event("rows_fetched", {"user.name": "nelly", "rows": 3}, NOW_NS)
    request = tracer.start_span("POST", set_span_in_context(root), kind=SpanKind.CLIENT, start_time=NOW_NS)
    request.end(NOW_NS + 1000)
    root.end(NOW_NS + int(ms * 1e6))
    return list(memory.get_finished_spans())


def sent(spans: list[Any]) -> list[int]:
    return sorted(map(int, interactions(spans)))


def test_failed_and_slow_commands_are_kept_as_whole_traces_and_every_command_is_a_row(tmp_path: Path) -> None:
    outcomes = [outcome for outcome in Outcome.ALL for _ in range(25)]
    commands = [command(number, outcome) for number, outcome in enumerate(outcomes)]
    slow = range(len(commands), len(commands) + 25)
    commands += [command(number, ms=1001.0) for number in slow]
    commands += [command(len(commands) + number, ms=1000.0) for number in range(25)]
    worth = [number for number, outcome in enumerate(outcomes) if outcome in KEPT] + list(slow)
    with gateway(tmp_path, SAMPLING_PERCENT="0") as running:
        running.send([span for trace in commands for span in trace])
        running.rows.wait_for(len(commands))
        running.traces.wait_for(2 * len(worth))
        until(lambda: sum(running.decided().values()) == len(commands), 60)
        assert sent(running.rows.spans) == list(range(len(commands)))
        assert len(running.rows.spans) == len(commands), "requests are no rows"
        assert sent(running.traces.spans) == worth
        assert len({span.trace_id for span in running.traces.spans}) == len(worth)
        assert len(running.traces.spans) == 2 * len(worth)


def test_nothing_about_it_is_worth_a_warning(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        running.send(command(1))
        running.rows.wait_for(1)
        assert running.collector.log == ""


def test_of_the_others_a_share_is_kept(tmp_path: Path) -> None:
    with gateway(tmp_path, SAMPLING_PERCENT="25") as running:
        running.send([span for number in range(2000) for span in command(number)])
        until(lambda: sum(running.decided().values()) == 2000, 60)
        kept = int(running.decided()["true"])
        assert 350 < kept < 650  # 500 are expected, with a standard deviation of 19
        assert len(running.traces.wait_for(2 * kept)) == 2 * kept
        assert len(set(sent(running.traces.spans))) == kept
        running.rows.wait_for(2000)


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.ERROR])
def test_more_traces_than_it_may_hold_wait_and_none_is_missed(outcome: str, tmp_path: Path) -> None:
    with gateway(tmp_path, SAMPLING_PERCENT="0", SAMPLING_TRACES="50") as running:
        running.send([span for number in range(250) for span in command(number, outcome)])
        running.send(command(250, Outcome.ERROR))
        worth = [250] if outcome == Outcome.OK else list(range(251))
        running.traces.wait_for(2 * len(worth))
        running.rows.wait_for(251)
        assert sent(running.traces.spans) == worth
        assert sorted(set(sent(running.rows.spans))) == list(range(251))


def test_a_command_that_fails_long_after_its_first_request_is_kept(tmp_path: Path) -> None:
    """It is not finished when the decision about its trace is due."""
    request, root = command(1, Outcome.ERROR)
    with gateway(tmp_path, SAMPLING_PERCENT="0") as running:
        running.send([request])
        until(lambda: sum(running.decided().values()) == 1, 60)
        running.send([root])
        running.traces.wait_for(2)
        assert sent(running.traces.spans) == [1]


def test_spans_that_come_after_their_trace_was_left_out_are_left_out_too(tmp_path: Path) -> None:
    request, root = command(1)
    with gateway(tmp_path, SAMPLING_PERCENT="0") as running:
        running.send([root])
        until(lambda: running.decided() == {"false": 1}, 60)
        running.send([request])
        running.send(command(2, Outcome.ERROR))
        running.traces.wait_for(2)
        assert {span.trace_id for span in running.traces.spans} != {root.context.trace_id.to_bytes(16, "big")}
        assert len(running.traces.spans) == 2


@pytest.mark.parametrize("setting", ["keep", "remove"])
def test_personal_data_go_no_further_if_the_setting_says_so(setting: str, tmp_path: Path) -> None:
    personal = {attribute.key for attribute in semconv.ATTRIBUTES if attribute.personal}
    with gateway(tmp_path, PERSONAL_DATA=setting, SAMPLING_PERCENT="100") as running:
        running.send(command(1))
        running.rows.wait_for(1)
        running.traces.wait_for(2)
        for span in (*running.rows.spans, *(span for span in running.traces.spans if interactions([span]))):
            assert attributes(span)[semconv.COMMAND_NAME] == "ping"
            (event,) = span.events
            if setting == "keep":
                assert personal <= set(attributes(span))
                assert set(attributes(event)) == {"user.name", "rows"}
            else:
                assert not personal & set(attributes(span))
                assert b"nelly" not in span.SerializeToString()
                assert set(attributes(event)) == {"rows"}


def test_one_host_removes_personal_data_too(tmp_path: Path) -> None:
    with running_backend() as backend:
        environ = sending_to(backend) | {"PERSONAL_DATA": "remove"}
        with running_collector(tmp_path, environ, CONFIG) as running:
            Gateway(running, backend, backend).send(command(1))
            backend.wait_for(2)
            assert sent(backend.spans) == [1]
            assert not [span for span in backend.spans if b"nelly" in span.SerializeToString()]


def test_prometheus_reads_how_often_and_how_fast_commands_are(tmp_path: Path) -> None:
    with gateway(tmp_path, SPAN_METRICS_INTERVAL="100ms", PERSONAL_DATA="keep") as running:
        running.send([span for number in range(7) for span in command(number, name="profile")])
        running.send([span for number in range(3) for span in command(number, Outcome.ERROR, 2000.0)])
        expected = {("profile", "ok", 7.0), ("ping", "error", 3.0)}

        def counted() -> set[tuple[str, str, float]]:
            return {
                (labels["discord_command_name"], labels["discord_interaction_outcome"], value)
                for name, labels, value in samples(running.collector.bot_metrics_port)
                if name == "discord_command_calls_total"
            }

        until(lambda: counted() == expected, 60)
        found = samples(running.collector.bot_metrics_port)
        assert {labels["job"] for name, labels, _ in found if name.startswith("discord_command")} == {"ladder-bot"}
        below = {
            labels["le"]: value
            for name, labels, value in found
            if name == "discord_command_duration_seconds_bucket" and labels["discord_command_name"] == "ping"
        }
        assert (below["1"], below["2.5"]) == (0.0, 3.0)
        assert not [labels for _, labels, _ in found if "nelly" in labels.values()]


def test_rows_do_not_wait_for_a_trace_store_that_is_away(tmp_path: Path) -> None:
    """Its queue is full: traces are left out and counted, and commands are rows as before."""
    with gateway(tmp_path, SAMPLING_PERCENT="100", QUEUE_SIZE="5000") as running:
        running.traces.stop()
        for first in range(0, 6000, 1000):
            running.send([span for number in range(first, first + 1000) for span in command(number)])
        running.rows.wait_for(6000, 90)
        failed = "otelcol_exporter_enqueue_failed_spans_total"
        until(lambda: any(name == failed for name, _, _ in samples(running.collector.own_metrics_port)), 60)
        running.send([span for number in range(6000, 6500) for span in command(number)])
        assert sent(running.rows.wait_for(6500, 60)) == list(range(6500)), "nothing was sent twice"


async def test_the_command_that_ran_when_a_bot_was_killed_is_kept_and_its_others_are_rows(tmp_path: Path) -> None:
    with gateway(tmp_path, SAMPLING_PERCENT="0") as running:
        settings = otlp_environ(f"http://127.0.0.1:{running.collector.grpc_port}")
        settings["OTEL_EXPORTER_OTLP_HEADERS"] = "authorization=Bearer%20token"
        async with bot_process([*RUN, PLAIN], tmp_path, settings) as bot:
            await (await bot.discord.slash("ping")).answered()
            hanging = await bot.discord.slash("hang")
            await hanging.acknowledged()
            await bot.end("kill")
        later = await play(tmp_path, settings)
        running.rows.wait_for(5)
        outcomes = Counter(attributes(span)[semconv.OUTCOME] for span in running.rows.spans)
        assert outcomes == {Outcome.OK: 4, Outcome.INTERRUPTED: 1}
        assert set(later) < set(interactions(running.rows.spans))
        until(lambda: str(hanging.id) in interactions(running.traces.spans), 60)
        assert interactions(running.traces.spans) == [str(hanging.id)]
