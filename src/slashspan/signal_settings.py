"""The settings of metrics and of logs, as their exporters need them. Their variables are in `slashspan.settings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """Where metrics go. Times are in milliseconds."""

    exporters: tuple[str, ...]
    """Names; empty: no MeterProvider is created."""
    interval_ms: int
    timeout_ms: int
    prometheus_host: str
    prometheus_port: int

    @classmethod
    def of(cls, value: Mapping[str, Any], *, disabled: bool) -> MetricSettings:
        """From the parsed variables."""
        return cls(
            exporters=() if disabled else value["OTEL_METRICS_EXPORTER"],
            interval_ms=value["OTEL_METRIC_EXPORT_INTERVAL"],
            timeout_ms=value["OTEL_METRIC_EXPORT_TIMEOUT"],
            prometheus_host=value["OTEL_EXPORTER_PROMETHEUS_HOST"],
            prometheus_port=value["OTEL_EXPORTER_PROMETHEUS_PORT"],
        )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where log records go, and what log lines say about the trace."""

    exporters: tuple[str, ...]
    """Names; empty: no LoggerProvider is created."""
    capture: bool
    """Whether records of Python's `logging` are exported, and not only what the bot emits as OpenTelemetry."""
    level: str
    """The least level that is exported, as `logging` names it."""
    code_attributes: bool
    schedule_delay_ms: int
    batch_records: int
    queue_records: int
    correlation: bool
    format: str
    """Of lines on stderr; '' leaves the formats of the bot."""
    format_level: str
    """The least level of these lines, if `format` is given."""

    @classmethod
    def of(cls, value: Mapping[str, Any], *, disabled: bool) -> LogSettings:
        """From the parsed variables. Raises ConfigurationError."""
        batch, queue = value["OTEL_BLRP_MAX_EXPORT_BATCH_SIZE"], value["OTEL_BLRP_MAX_QUEUE_SIZE"]
        if batch > queue:
            raise ConfigurationError(
                f"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE={batch} must not exceed OTEL_BLRP_MAX_QUEUE_SIZE={queue}"
            )
        return cls(
            exporters=() if disabled else value["OTEL_LOGS_EXPORTER"],
            capture=value["OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION"],
            level=value["OTEL_PYTHON_LOG_HANDLER_LEVEL"].upper(),
            code_attributes=value["OTEL_PYTHON_LOG_CODE_ATTRIBUTES"],
            schedule_delay_ms=value["OTEL_BLRP_SCHEDULE_DELAY"],
            batch_records=batch,
            queue_records=queue,
            correlation=value["OTEL_PYTHON_LOG_CORRELATION"] and not disabled,
            format=value["OTEL_PYTHON_LOG_FORMAT"],
            format_level=value["OTEL_PYTHON_LOG_LEVEL"],
        )
