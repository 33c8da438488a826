"""Keeps the URL of a collector out of the logs of OpenTelemetry's OTLP exporters: its path or query may hold a key."""

from __future__ import annotations

import logging
import re
from typing import Final

from slashspan.masking import HIDDEN

_LOGGERS: Final = tuple(
    f"opentelemetry.exporter.otlp.proto.http.{name}" for name in ("trace_exporter", "metric_exporter", "_log_exporter")
)
_URL: Final = re.compile(r"(with url: )\S+")
"""In an error of urllib3, which the exporters quote."""


def hide_urls() -> None:
    """Of all exporters of this process, whoever created them. Called again, it changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_without_url)


def _without_url(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    if _URL.search(message):
        record.msg, record.args = _URL.sub(rf"\g<1>/{HIDDEN}", message), None
    return True
