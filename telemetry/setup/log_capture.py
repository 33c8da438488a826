"""Passes what the bot logs to OpenTelemetry, and leaves the bot's own logging as it is.

A handler on the root logger would change it: `logging.basicConfig` does nothing where there is one, and warnings of a
bot without handlers are no longer printed. So records are taken where a logger calls its handlers, as sentry-sdk does.
Those that a handler on the root logger would get are exported: a logger with `propagate = False` is left out.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import re
import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry._logs import get_logger_provider
from opentelemetry._logs._internal import ProxyLoggerProvider

from slashspan.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk._logs import LoggerProvider

    from slashspan.signal_settings import LogSettings

CORRELATION: Final = ("otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName")
"""Attributes of records with OTEL_PYTHON_LOG_CORRELATION; an exported record has them in fields of its own."""
_DISCORD: Final = "discord"
_TOKEN_IN_PATH: Final = re.compile(r"(/(?:interactions|webhooks)/\d+/)[^/?\s]+")
"""discord.py's warnings about rate limits name paths, in which the token of an interaction or a webhook comes last."""

_thread = threading.local()


@contextlib.contextmanager
def not_exported() -> Iterator[None]:
    """What this thread logs meanwhile is not exported."""
    before = is_exporting()
    _thread.exporting = True
    try:
        yield
    finally:
        _thread.exporting = before


def is_exporting() -> bool:
    """Whether this thread is within `not_exported`."""
    return getattr(_thread, "exporting", False)


class LogCapture:
    """The patch of `logging.Logger.callHandlers`. Never raises into code that logs."""

    def __init__(self, provider: LoggerProvider, settings: LogSettings) -> None:
        from opentelemetry.instrumentation.logging.handler import LoggingHandler

        level: int = getattr(logging, settings.level)
        self._provider = provider
        self._level = level
        self._handler = LoggingHandler(
            level=level, logger_provider=provider, log_code_attributes=settings.code_attributes
        )
        self._active = False
        self._original: Callable[..., None] | None = None
        self._patch: Callable[..., None] | None = None

    def install(self) -> None:
        """Capture from now on."""
        original = self._original = logging.Logger.callHandlers

        def callHandlers(logger: logging.Logger, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
            if self._active:
                self._export(logger, record)
            original(logger, record)

        self._patch = callHandlers
        logging.Logger.callHandlers = callHandlers  # type: ignore[method-assign, assignment]
        self._active = True

    def remove(self) -> None:
        """Capture no more. Where somebody has wrapped the patch, it stays and passes records through."""
        self._active = False
        if logging.Logger.callHandlers is self._patch and self._original is not None:
            logging.Logger.callHandlers = self._original  # type: ignore[method-assign]

    @guarded
    def _export(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno < self._level or is_exporting() or getattr(_thread, "emitting", False):
            return
        if not _reaches_root(logger) or any(map(self._is_passed_on_by, logging.getLogger().handlers)):
            return
        from_discord = record.name == _DISCORD or record.name.startswith(f"{_DISCORD}.")
        if from_discord and record.levelno < logging.INFO:
            return  # whole events of the gateway, and tokens of interactions
        exported = copy.copy(record)
        exported.msg, exported.args = _message(record), None
        if from_discord:
            exported.msg = _TOKEN_IN_PATH.sub(r"\1…", exported.msg)
        attributes: dict[str, Any] = exported.__dict__
        for name in CORRELATION:
            attributes.pop(name, None)
        _thread.emitting = True  # OpenTelemetry warns of attributes that it cannot export
        try:
            self._handler.handle(exported)
        finally:
            _thread.emitting = False

    def _is_passed_on_by(self, handler: logging.Handler) -> bool:
        """Whether OpenTelemetry's own handler, installed by the bot or another distro, emits to our provider."""
        provider = getattr(handler, "_logger_provider", None)
        if isinstance(provider, ProxyLoggerProvider):
            provider = get_logger_provider()
        return provider is self._provider


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit; the bot's own handlers say so
        return str(record.msg)


def _reaches_root(logger: logging.Logger) -> bool:
    current: logging.Logger | None = logger
    while current is not None and current.parent is not None:
        if not current.propagate:
            return False
        current = current.parent
    return True
