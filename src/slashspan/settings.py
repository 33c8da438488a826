"""Every setting in one table, read once from a passed environ.

The standard `OTEL_*` variables keep their meaning; those that the SDK would quietly replace by a default when they are
malformed are checked here too, so that a typing error shows at the start and not as missing data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from slashspan.dsn import Dsn
from slashspan.errors import ConfigurationError
from slashspan.semconv import Kind, Sync
from slashspan.setting import (
    DEFAULT_ZONE,
    NONE,
    Setting,
    choice,
    exporter_names,
    flag,
    funnel_steps,
    kind_names,
    log_format,
    number,
    spool_folder,
    zone_name,
)
from slashspan.signal_settings import LogSettings, MetricSettings
from slashspan.standard.rules import LARGEST_COUNT, LONGEST_MS, is_true

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMMAND_CALLS: Final = "command_calls"


SETTINGS: Final = (
    Setting(
        "OTEL_TRACES_EXPORTER",
        COMMAND_CALLS,
        exporter_names,
        "Comma-separated: `command_calls`, `otlp`, `console`; or `none`, which wraps nothing and costs nothing",
    ),
    Setting(
        "OTEL_METRICS_EXPORTER",
        NONE,
        exporter_names,
        "Comma-separated: `otlp`, `prometheus` (extra `prometheus`), `console`; or `none`: no MeterProvider",
    ),
    Setting(
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED",
        "false",
        is_true,
        "`true`: metrics of the exporters themselves too, such as rows that wait or were lost",
    ),
    Setting(
        "OTEL_METRIC_EXPORT_INTERVAL",
        "60000",
        number(int, 1, LONGEST_MS),
        "Between two exports of metrics, in ms",
    ),
    Setting("OTEL_METRIC_EXPORT_TIMEOUT", "30000", number(int, 1, LONGEST_MS), "Longest export of metrics, in ms"),
    Setting(
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        "localhost",
        str,
        "Address at which Prometheus fetches metrics; in a container `0.0.0.0`",
    ),
    Setting("OTEL_EXPORTER_PROMETHEUS_PORT", "9464", number(int, 1, 65535), "The port of that address"),
    Setting(
        "OTEL_LOGS_EXPORTER",
        NONE,
        exporter_names,
        "Comma-separated: `otlp`, `console` (both with the extra `logs`); or `none`: no LoggerProvider",
    ),
    Setting(
        "OTEL_PYTHON_LOG_HANDLER_LEVEL",
        "notset",
        choice("notset", "debug", "info", "warn", "warning", "error", "critical"),
        "The least level of exported log records. DEBUG records of discord.py are never exported: they quote messages",
    ),
    Setting(
        "OTEL_PYTHON_LOG_CODE_ATTRIBUTES",
        "false",
        is_true,
        "`true`: exported log records name the file, function and line that logged them",
    ),
    Setting(
        "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION",
        "true",
        is_true,
        "`false`: of logs only what the bot emits through OpenTelemetry's API is exported, not Python's `logging`",
    ),
    Setting(
        "OTEL_BLRP_SCHEDULE_DELAY",
        "1000",
        number(int, 1, LONGEST_MS),
        "Longest delay before logs are sent, in ms",
    ),
    Setting("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "512", number(int, 1, LARGEST_COUNT), "Most log records in one batch"),
    Setting(
        "OTEL_BLRP_MAX_QUEUE_SIZE",
        "2048",
        number(int, 1, LARGEST_COUNT),
        "Most log records that wait in memory; beyond it the oldest are dropped and counted",
    ),
    Setting(
        "OTEL_PYTHON_LOG_CORRELATION",
        "false",
        is_true,
        "`true`: log lines within a command carry its trace and span id (extra `logs`)",
    ),
    Setting(
        "OTEL_PYTHON_LOG_FORMAT",
        "",
        log_format,
        "With `OTEL_PYTHON_LOG_CORRELATION`: format of a handler on the root logger that is set up before the bot runs",
    ),
    Setting(
        "OTEL_PYTHON_LOG_LEVEL",
        "info",
        choice("debug", "info", "warning", "error"),
        "With `OTEL_PYTHON_LOG_FORMAT`: level of the root logger",
    ),
    Setting(
        "OTEL_TRACES_SAMPLER",
        "parentbased_always_on",
        str,
        "Chooses traces, with `OTEL_TRACES_SAMPLER_ARG`; rows are never sampled",
    ),
    Setting("OTEL_SDK_DISABLED", "false", is_true, "`true` turns everything off, like `OTEL_TRACES_EXPORTER=none`"),
    Setting(
        "SLASHSPAN_DSN",
        "sqlite:///command_calls.db",
        Dsn.parse,
        "The store: `sqlite:///path` (four slashes: absolute) or `postgresql://user:password@host/database`; "
        "`clickhouse://…` for rows that a collector stores there",
        secret=True,
    ),
    Setting("SLASHSPAN_TABLE", "command_calls", str, "The table's name; in PostgreSQL it may include a schema"),
    Setting(
        "SLASHSPAN_SPOOL",
        "",
        spool_folder,
        "Folder in which rows wait during crashes and outages, or `off`: they wait in memory. "
        "Default: `slashspan/spool` in the user's state folder",
    ),
    Setting(
        "SLASHSPAN_SPOOL_MAX_BYTES",
        "268435456",
        number(int, 65536, 2**63 - 1),
        "Size limit of the spool for each process and store; beyond it the oldest unsent rows are dropped and counted",
    ),
    Setting(
        "SLASHSPAN_SPOOL_SYNC",
        Sync.CRASH,
        choice(*Sync.ALL),
        "What a finished command survives: `crash` of the process; `power` failure, except for the last 0.2 s; "
        "`record`: power failure, but the bot waits for the disk in every command",
    ),
    Setting(
        "SLASHSPAN_SLOW_CHECKPOINT_MS",
        "100",
        number(float, 0),
        "Steps longer than this many milliseconds are logged as a warning",
    ),
    Setting(
        "SLASHSPAN_USER_IDS",
        "keep",
        choice("keep", "hash", "drop"),
        "`keep`, `hash` (HMAC-SHA256 with `SLASHSPAN_USER_ID_KEY`, 63 bits) or `drop` (0 is stored)",
    ),
    Setting(
        "SLASHSPAN_USER_ID_KEY",
        "",
        str,
        "Secret key of the hash; without it a user's old and new rows cannot be matched",
        secret=True,
    ),
    Setting("SLASHSPAN_USER_NAMES", "keep", choice("keep", "drop"), "`keep` or `drop` ('' is stored)"),
    Setting(
        "SLASHSPAN_KINDS",
        ",".join(kind for kind in Kind.ALL if kind != Kind.AUTOCOMPLETE),
        kind_names,
        "Kinds that become rows; all kinds become spans",
    ),
    Setting(
        "SLASHSPAN_TRACE_RATIO",
        "1.0",
        number(float, 0, 1),
        "Share of traces sent to exporters other than `command_calls`; rows are never sampled. If the bot has its own "
        "TracerProvider, its sampler decides about traces instead",
    ),
    Setting(
        "SLASHSPAN_REST_SPANS",
        "true",
        flag,
        "`false`: requests to Discord get no span of their own; their times stay in the command's row",
    ),
    Setting(
        "SLASHSPAN_LOOP_SPANS",
        "true",
        flag,
        "`false`: iterations of `ext.tasks` loops get no span; a loop of 0.5 s makes 172,800 a day",
    ),
    Setting(
        "SLASHSPAN_ZONE",
        DEFAULT_ZONE,
        zone_name,
        "Time zone of the days and hours in reports and sums, such as Europe/Berlin; `--zone` of a command wins",
    ),
    Setting(
        "SLASHSPAN_FUNNEL",
        "",
        funnel_steps,
        "Steps of the funnel on the page and in reports, in their order and separated by commas: qualified names of "
        "commands, buttons or modals. Default: none is shown",
    ),
    Setting(
        "SLASHSPAN_REFRESH_SUMS",
        "true",
        flag,
        "`false`: `stats`, `report`, `chart` and `dashboard` write nothing; else they bring existing sums up to date",
    ),
    Setting(
        "OTEL_BSP_SCHEDULE_DELAY",
        "1000",
        number(int, 1, LONGEST_MS),
        "Longest delay before a batch is written, in ms",
    ),
    Setting("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512", number(int, 1, LARGEST_COUNT), "Most rows in one batch"),
    Setting(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "2048",
        number(int, 1, LARGEST_COUNT),
        "Most rows that wait in memory; more wait in the spool, or, without one, the oldest are dropped",
    ),
    Setting(
        "SLASHSPAN_RAISE_INTERNAL_ERRORS",
        "false",
        flag,
        "For slashspan's own tests: our bugs are raised instead of logged",
    ),
)

PREFIX: Final = "SLASHSPAN_"
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like our settings but are unknown: most likely typing errors."""
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in _BY_NAME)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in effect, built by `from_environ`; nothing else reads our variables."""

    exporters: tuple[str, ...]
    """Names of the trace exporters; empty: nothing is recorded."""
    metrics: MetricSettings
    logs: LogSettings
    dsn: Dsn
    table: str
    spool: Path | None
    """None: off."""
    spool_max_bytes: int
    spool_sync: str
    slow_checkpoint_ms: float
    user_ids: str
    user_id_key: str = field(repr=False)
    user_names: str
    kinds: frozenset[str]
    trace_ratio: float
    rest_spans: bool
    loop_spans: bool
    zone: str
    funnel: tuple[str, ...]
    """Empty, or at least two."""
    refresh_sums: bool
    schedule_delay_ms: int
    batch_rows: int
    queue_rows: int
    raise_internal_errors: bool

    @property
    def off(self) -> bool:
        """Nothing is recorded, measured or exported: nothing is wrapped, and it costs nothing."""
        return not (self.exporters or self.metrics.exporters or self.logs.exporters)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check every setting. Raises ConfigurationError naming variable, value and choices."""
        value = {name: setting.read(environ) for name, setting in _BY_NAME.items()}
        if value["SLASHSPAN_USER_IDS"] == "hash" and not value["SLASHSPAN_USER_ID_KEY"]:
            raise ConfigurationError("SLASHSPAN_USER_IDS=hash needs a secret in SLASHSPAN_USER_ID_KEY")
        batch, queue = value["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], value["OTEL_BSP_MAX_QUEUE_SIZE"]
        if batch > queue:
            raise ConfigurationError(
                f"OTEL_BSP_MAX_EXPORT_BATCH_SIZE={batch} must not exceed OTEL_BSP_MAX_QUEUE_SIZE={queue}"
            )
        disabled = value["OTEL_SDK_DISABLED"]
        return cls(
            exporters=() if disabled else value["OTEL_TRACES_EXPORTER"],
            metrics=MetricSettings.of(value, disabled=disabled),
            logs=LogSettings.of(value, disabled=disabled),
            dsn=value["SLASHSPAN_DSN"],
            table=value["SLASHSPAN_TABLE"],
            spool=value["SLASHSPAN_SPOOL"],
            spool_max_bytes=value["SLASHSPAN_SPOOL_MAX_BYTES"],
            spool_sync=value["SLASHSPAN_SPOOL_SYNC"],
            slow_checkpoint_ms=value["SLASHSPAN_SLOW_CHECKPOINT_MS"],
            user_ids=value["SLASHSPAN_USER_IDS"],
            user_id_key=value["SLASHSPAN_USER_ID_KEY"],
            user_names=value["SLASHSPAN_USER_NAMES"],
            kinds=value["SLASHSPAN_KINDS"],
            trace_ratio=value["SLASHSPAN_TRACE_RATIO"],
            rest_spans=value["SLASHSPAN_REST_SPANS"],
            loop_spans=value["SLASHSPAN_LOOP_SPANS"],
            zone=value["SLASHSPAN_ZONE"],
            funnel=value["SLASHSPAN_FUNNEL"],
            refresh_sums=value["SLASHSPAN_REFRESH_SUMS"],
            schedule_delay_ms=value["OTEL_BSP_SCHEDULE_DELAY"],
            batch_rows=batch,
            queue_rows=queue,
            raise_internal_errors=value["SLASHSPAN_RAISE_INTERNAL_ERRORS"],
        )
