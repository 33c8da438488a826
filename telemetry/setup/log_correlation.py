"""`OTEL_PYTHON_LOG_CORRELATION`: log lines within a command carry its trace id, in the formats that the bot has chosen.

OpenTelemetry's instrumentation of `logging` adds the ids to each record. By default it would also call
`logging.basicConfig` before the bot does, so that the bot's own call does nothing, and what discord.py logs is printed
twice. Here that is left to OTEL_PYTHON_LOG_FORMAT; without it the ids are appended to the bot's lines.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from slashspan.signal_settings import LogSettings

ENDS_WITH_MESSAGE: Final = ("%(message)s", "{message}", "$message", "${message}")
"""Ends of formats that ids can be appended to, in the three styles of `logging`."""
_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class LogCorrelation:
    """The ids in records and in lines; `stop` undoes it."""

    def __init__(self, settings: LogSettings, tracer_provider: Any) -> None:
        from opentelemetry.instrumentation.logging import LoggingInstrumentor

        self._instrumentor: Any = LoggingInstrumentor()
        self._ours = not self._instrumentor.is_instrumented_by_opentelemetry  # the bot may have done it itself
        if self._ours:
            self._instrumentor.instrument(
                tracer_provider=tracer_provider,
                inject_trace_context=True,
                set_logging_format=bool(settings.format),
                logging_format=settings.format,
                log_level=_LEVELS[settings.format_level],
                enable_log_auto_instrumentation=False,
            )
        self._factory = logging.getLogRecordFactory()
        self._original = logging.Formatter.formatMessage
        self._patch = _appending(self._original)
        logging.Formatter.formatMessage = self._patch  # type: ignore[method-assign]

    def stop(self) -> None:
        """Records and lines are as before, unless somebody has wrapped the patch since."""
        if logging.Formatter.formatMessage is self._patch:
            logging.Formatter.formatMessage = self._original  # type: ignore[method-assign]
        if self._ours and logging.getLogRecordFactory() is self._factory:
            self._instrumentor.uninstrument()


def _appending(original: Callable[[logging.Formatter, logging.LogRecord], str]) -> Any:
    def formatMessage(formatter: logging.Formatter, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        line = original(formatter, record)
        trace_id = getattr(record, "otelTraceID", "0")
        if trace_id == "0" or not _takes_more(formatter, line):
            return line
        return f"{line} trace_id={trace_id} span_id={record.otelSpanID}"  # type: ignore[attr-defined]

    return formatMessage


def _takes_more(formatter: logging.Formatter, line: str) -> bool:
    """Whether the line is plain text that ends with the message. JSON would no longer be JSON."""
    template = formatter._fmt
    return (
        type(formatter).format is logging.Formatter.format
        and template is not None
        and template.endswith(ENDS_WITH_MESSAGE)
        and "otelTraceID" not in template
        and not line.startswith("{")
    )
