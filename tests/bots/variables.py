"""Prints what the standard variables have become in recorded processes: one line of JSON for each of PROBED_SETS.

`variables.py configure` calls slashspan.configure(); without the argument, whatever started this process records.
"""

import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any

IMPORTED_ONCE = (
    "aiohttp",
    "opentelemetry.exporter.otlp.proto.grpc.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
)
"""What takes long to import, and reads no variable then."""


def recorded() -> Any:
    """What records this process; None if nothing does."""
    import discord  # noqa: F401 - recording starts here, if something started it

    import slashspan

    if "configure" in sys.argv:
        slashspan.configure()
    from slashspan.telemetry.setup import pipeline

    return pipeline._running


def found(files: list[list[str]]) -> dict[str, Any]:
    """The state of the process. `files`: which files gRPC's credentials were made of."""
    import logging

    from opentelemetry import _logs, context, metrics, propagate, trace

    running = recorded()
    if running is None:
        return {"recorded": False}
    state: dict[str, Any] = {
        "exporters": running.settings.exporters,
        "log level": logging.getLogger("slashspan").level,
        "propagated": sorted(propagate.get_global_textmap().fields),
        "context": type(context._RUNTIME_CONTEXT).__name__,
        "correlation": [running.settings.logs.correlation, running.settings.logs.format_level],
        "root formats": [getattr(handler.formatter, "_fmt", None) for handler in logging.root.handlers],
        "files": files,
        "global providers": [
            type(provider).__name__
            for provider in (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider())
        ],
    }
    if (provider := running._provider) is not None:
        state["limits"] = vars(provider._span_limits)
        state["resource"] = dict(provider.resource.attributes)
        state["sampler"] = provider.sampler.get_description()
        state["ids"] = type(provider.id_generator).__name__
        state["noisy tracer"] = provider.get_tracer("noisy")._is_enabled()
    if running._rows is not None:
        state["rows"] = batches(running._rows)
        state["self metrics"] = type(running._rows._batch_processor._metrics).__name__
    if running._traces:
        state["TRACES"] = otlp(running._traces[0]._exporter)
    if running._metrics is not None:
        state.update(metrics_state(running._metrics))
    if running._logs is not None:
        processor = running._logs._processors[0]
        logger_provider: Any = _logs.get_logger_provider()
        state["LOGS"] = otlp(processor._counted._exporter)
        state["log records"] = batches(processor)
        state["log limits"] = vars(logger_provider._log_record_limits)
        state["noisy logger"] = logger_provider.get_logger("noisy")._is_enabled()
        settings = running.settings.logs
        state["captured logs"] = [settings.capture, settings.level, settings.code_attributes]
    return state


def batches(processor: Any) -> list[int]:
    """The limits of a batch processor: delay in ms, batch, queue."""
    inside = processor._batch_processor
    return [inside._schedule_delay_millis, inside._max_export_batch_size, inside._max_queue_size]


def metrics_state(ours: Any) -> dict[str, Any]:
    from opentelemetry.sdk.metrics import Counter, Histogram

    config, reader = ours._provider._sdk_config, ours._provider._metric_readers[0]
    exporter = reader._exporter
    return {
        "METRICS": otlp(exporter),
        "metric export": [reader._export_interval_millis, reader._export_timeout_millis],
        "exemplars": type(config.exemplar_filter).__name__,
        "counters": exporter._preferred_temporality[Counter].name,
        "histograms": type(exporter._preferred_aggregation[Histogram]).__name__,
        "noisy meter": ours._provider.get_meter("noisy")._is_enabled(),
        "served at": ours._server and list(ours._server._server.server_address),
    }


def otlp(exporter: Any) -> dict[str, Any]:
    """What an OTLP exporter was given, of either protocol."""
    http: Any = getattr(exporter, "_client", None)
    if hasattr(http, "_transport"):
        session = http._transport._session
        return {
            "endpoint": http._endpoint,
            "timeout": http._timeout,
            "compression": http._compression.value,
            "header": http._headers.get("a"),
            "verify": session.verify,
            "cert": session.cert,
            "session": type(session).__name__,
        }
    return {
        "endpoint": exporter._endpoint,
        "timeout": exporter._timeout,
        "compression": exporter._compression.name,
        "header": dict(exporter._headers).get("a"),
        "insecure": exporter._insecure,
        "credentials": type(exporter._credentials).__name__,
        "retried": sorted(code.name for code in exporter._retryable_error_codes),
    }


def main() -> None:
    for shared in IMPORTED_ONCE:
        import_module(shared)
    import grpc

    grpc_exporter: Any = import_module("opentelemetry.exporter.otlp.proto.grpc.exporter")

    files: list[list[str]] = []

    def credentials(**given: bytes | None) -> grpc.ChannelCredentials:
        files.append(sorted(name for name, content in given.items() if content))
        return grpc.ssl_channel_credentials()

    grpc_exporter.ssl_channel_credentials = credentials
    pipes = [in_child(environ, files) for environ in json.loads(os.environ["PROBED_SETS"])]
    for reading in pipes:
        with os.fdopen(reading) as pipe:
            sys.stdout.write(pipe.read() + "\n")


def in_child(environ: dict[str, str], files: list[list[str]]) -> int:
    """Probe this set in a process of its own; where its answer can be read."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        return reading
    os.environ.update(environ)
    try:
        with os.fdopen(writing, "w") as pipe:
            json.dump(found(files), pipe, default=str)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)  # without a shutdown: there is no collector to send to


if __name__ == "__main__":
    main()
