"""Our log lines reach the terminal where nobody has configured logging, also beside OpenTelemetry's handler.

`opentelemetry-instrument` can add a handler to the root logger that hands every line to OpenTelemetry. For Python that
counts as configured, so that a line which nobody exports would be shown nowhere.
"""

from __future__ import annotations

import logging

_log = logging.getLogger("slashspan")


class LastResort(logging.Handler):
    """Python's last resort, while the root logger has no handler but OpenTelemetry's."""

    def emit(self, record: logging.LogRecord) -> None:
        others = (handler for handler in (*_log.handlers, *logging.root.handlers) if handler is not self)
        if logging.lastResort is None or not all(map(_is_opentelemetrys, others)):
            return
        if record.levelno >= logging.lastResort.level:
            logging.lastResort.handle(record)


def install() -> None:
    """Only once."""
    if not any(isinstance(handler, LastResort) for handler in _log.handlers):
        _log.addHandler(LastResort())


def _is_opentelemetrys(handler: logging.Handler) -> bool:
    return type(handler).__module__.startswith("opentelemetry.")
