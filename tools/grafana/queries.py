"""SQL for Grafana's PostgreSQL data source, made of the reports' own texts in insights/sql."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from slashspan.insights.query import PERCENTS, compose
from slashspan.insights.readers.postgres import PostgresDialect
from slashspan.insights.reports.latency import LATE_MS, SLOW_MS
from slashspan.insights.reports.shared import NORMAL_QUANTILE
from slashspan.insights.reports.users import MONTH, WEEK
from slashspan.table import Table
from tools.grafana.fragments import (
    BUCKET,
    BUCKET_START,
    DAY_0,
    EARLIEST,
    END,
    FIRST_DAY,
    FROM_TO,
    LAST_DAY,
    LATEST,
    LEGACY,
    MONTH_BEFORE,
    OFFSET,
    TABLE,
    TABLE_NAME,
    TO,
    conditions,
    start_of_day,
    week,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIALECT: Final = PostgresDialect(Table(TABLE_NAME))
_VALUES: Final[Mapping[str, str]] = {"late_ms": f"{LATE_MS:g}", "slow_ms": f"{SLOW_MS:g}", "count": "20"}
_VALUE: Final = re.compile(r"(?<![:\w]):([a-z_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One panel's."""

    sql: str
    columns: tuple[str, ...]
    """The report's columns that it returns, in this order."""
    names: Mapping[str, str]
    """Those of them that have another name here, because Grafana prescribes it."""
    kind: Literal["table", "time_series"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """`SELECT columns FROM source ORDER BY order`, where `found` is what the report's own query finds."""

    report: str
    columns: Mapping[str, str]
    """The report's columns and what they are made of; "": a column of the same name."""
    order: str = ""
    steps: Mapping[str, str] = field(default_factory=dict)
    """Further common table expressions."""
    source: str = "found"
    file: str = ""
    period: str = FROM_TO
    expressions: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """As in `Query`: `time` and, for the name of a series, `metric`."""


def _made(parts: _Parts) -> Query:
    found = compose(
        _DIALECT,
        parts.file or parts.report.replace("-", "_"),
        TABLE,
        conditions(parts.period),
        lambda: OFFSET,
        parts.expressions,
    )
    found = _VALUE.sub(lambda match: _VALUES[match[1]], found)
    steps = {"found": found.strip(), **parts.steps}
    text = ", ".join(f"{name} AS (\n{sql}\n)" for name, sql in steps.items())
    columns = []
    for name, sql in parts.columns.items():
        alias = parts.names.get(name, name)
        columns.append(f'{sql or name} AS "{alias}"' if sql or alias != name else name)
    text = f"WITH {text}\nSELECT {', '.join(columns)}\n  FROM {parts.source}"
    text += f"\n ORDER BY {parts.order}" if parts.order else ""
    return Query(
        sql=text, columns=tuple(parts.columns), names=parts.names, kind="time_series" if parts.names else "table"
    )


def _ranks(array: str = "ranks") -> dict[str, str]:
    return {f"p{percent}_ms": f"{array}[{place}]" for place, percent in enumerate(PERCENTS, 1)}


_ERROR_RATE: Final = "CAST(errors AS float8) / nullif(ok + errors, 0)"
_SHARE: Final = "calls / sum(calls) OVER ()"
_NAME: Final = "command, kind"


def _wilson(source: str) -> dict[str, str]:
    """Steps up to `rated`: the rows with `ran`, `error_rate`, `low` and `high`, as `wilson` in reports/shared.py."""
    square = f"{NORMAL_QUANTILE * NORMAL_QUANTILE!r} / nullif(ok + errors, 0)"
    half = f"{NORMAL_QUANTILE!r} * sqrt(error_rate * (1 - error_rate) / ran + square / (4 * ran))"
    middle = "error_rate + square / 2"
    return {
        "rates": f"SELECT *, ok + errors AS ran, {_ERROR_RATE} AS error_rate, {square} AS square FROM {source}",
        "rated": (
            "SELECT *,"
            f"\n       CASE WHEN errors = 0 THEN error_rate ELSE ({middle} - {half}) / (1 + square) END AS low,"
            f"\n       CASE WHEN errors = ran THEN error_rate ELSE ({middle} + {half}) / (1 + square) END AS high"
            "\n  FROM rates"
        ),
    }


def _buckets(report: str, columns: Mapping[str, str], **more: Any) -> _Parts:
    """A time series."""
    return _Parts(
        report=report,
        columns={"start": BUCKET_START, **columns},
        order="1",
        expressions=BUCKET,
        names={"start": "time", **more},
    )


def _active(days: int) -> str:
    """Who was active on the last `days` days counts on the first of these days, whose gap reaches back before them."""
    since = f"found.day > shown.day - {days} AND (gap IS NULL OR gap > {days - 1} - (shown.day - found.day))"
    return f"coalesce(sum(users) FILTER (WHERE {since}), 0)"


_VERDICT: Final = """CASE WHEN lag(first_at) OVER releases IS NULL THEN NULL
            WHEN low > lag(high) OVER releases THEN 'worse'
            WHEN high < lag(low) OVER releases THEN 'better'
            ELSE 'unclear' END"""

_PARTS: Final = (
    _Parts(
        report="totals",
        columns={
            **dict.fromkeys(("calls", "users"), ""),
            "error_rate": _ERROR_RATE,
            "p95_ms": "durations[2]",
            "ack_p95_ms": "acks[2]",
            **{name: f"coalesce({name}, 0)" for name in ("over_3s", "never")},
        },
    ),
    _buckets("calls", {"kind": f"coalesce(nullif(kind, ''), '{LEGACY}')", "calls": ""}, kind="metric"),
    _Parts(
        report="commands",
        columns={
            **dict.fromkeys(("command", "kind", "calls"), ""),
            "share": _SHARE,
            **dict.fromkeys(("users", "errors", "rejected"), ""),
            "error_rate": _ERROR_RATE,
            **_ranks("durations"),
            "ack_p95_ms": "acks[2]",
            "over_3s": "",
            "last": "last_at",
        },
        order=f"calls DESC, {_NAME}",
    ),
    _Parts(report="outcomes", columns={"outcome": "", "calls": "", "share": _SHARE}, order="calls DESC, outcome"),
    _Parts(
        report="errors",
        steps=_wilson("found"),
        source="rated",
        columns=dict.fromkeys(
            ("command", "kind", "ran", "errors", "error_rate", "low", "high", "rejected", "calls"), ""
        ),
        order=f"coalesce(low, 0) DESC, errors DESC, calls DESC, {_NAME}",
    ),
    _Parts(
        report="error-types",
        columns={
            "error_type": "type",
            **dict.fromkeys(("command", "kind", "outcome", "calls", "users"), ""),
            "first": "first_at",
            "last": "last_at",
        },
        order=f"outcome <> 'error', calls DESC, type, {_NAME}, outcome",
    ),
    _Parts(
        report="durations",
        columns={**dict.fromkeys(("command", "kind", "calls"), ""), **_ranks(), "longest_ms": "longest"},
        order=f"ranks[2] DESC, {_NAME}",
    ),
    _Parts(
        report="checkpoints",
        steps={
            "steps": (
                "SELECT *, step_ms / nullif(sum(total_ms) OVER (PARTITION BY command, kind), 0) AS share FROM found"
            )
        },
        source="steps\n WHERE name IS NOT NULL",
        columns={
            **dict.fromkeys(("command", "kind"), ""),
            "step": "name",
            "calls": "",
            **_ranks(),
            "reached_ms": "reached[1]",
            **dict.fromkeys(("share", "slow"), ""),
        },
        order=f"slow DESC, coalesce(ranks[2], 0) DESC, {_NAME}, name",
    ),
    _Parts(
        report="acknowledgements",
        columns={
            **dict.fromkeys(("command", "kind", "calls"), ""),
            **_ranks(),
            **{name: f"CAST({name} AS float8) / calls" for name in ("over_2s", "over_3s", "never")},
        },
        order=f"CAST(over_3s AS float8) / calls DESC, coalesce(ranks[2], 0) DESC, {_NAME}",
    ),
    _buckets("arrival", {**_ranks()}),
    _Parts(
        report="active-users",
        file="user_days",
        period=MONTH_BEFORE,
        steps={
            "shown": (
                f"SELECT generate_series(greatest({FIRST_DAY}, {EARLIEST}),\n"
                f"                       least(greatest(max(day), {LAST_DAY}), {LATEST})) AS day\n"
                "  FROM found HAVING count(*) > 0"
            )
        },
        source=(
            f"shown LEFT JOIN found ON found.day BETWEEN shown.day - {MONTH - 1} AND shown.day\n GROUP BY shown.day"
        ),
        columns={
            "day": start_of_day("shown.day"),
            "dau": _active(1),
            "wau": _active(WEEK),
            "mau": _active(MONTH),
        },
        order="shown.day",
        names={"day": "time"},
    ),
    _Parts(
        report="retention",
        period=TO,
        steps={
            "edges": (
                f"SELECT greatest(min(cohort), {week(FIRST_DAY)}, {EARLIEST - EARLIEST % WEEK}) AS first,\n"
                f"       least(greatest(max(week), {week(LAST_DAY)}), {week(LATEST)}) AS last\n"
                "  FROM found HAVING count(*) > 0"
            ),
            "weeks": (
                f"SELECT c AS cohort, w AS week, {start_of_day(f'w + {WEEK}')} <= {END} AS is_over\n"
                f"  FROM edges CROSS JOIN generate_series(first, last, {WEEK}) AS c"
                f" CROSS JOIN generate_series(c, last, {WEEK}) AS w"
            ),
            "counted": (
                "SELECT weeks.*, coalesce(own.users, 0) AS size,"
                " CASE WHEN is_over THEN coalesce(later.users, 0) END AS active\n"
                "  FROM weeks\n"
                "  LEFT JOIN found AS own ON own.cohort = weeks.cohort AND own.week = weeks.cohort\n"
                "  LEFT JOIN found AS later ON later.cohort = weeks.cohort AND later.week = weeks.week"
            ),
        },
        source="counted",
        columns={
            "cohort": f"to_char({DAY_0} + CAST(cohort AS integer), 'YYYY-MM-DD')",
            "week": f"(week - cohort) / {WEEK}",
            "size": "",
            "active": "",
            "share": "CAST(active AS float8) / nullif(size, 0)",
        },
        order="counted.cohort, counted.week",
    ),
    _Parts(
        report="guilds",
        columns={"place": "", "guild_id": "CAST(guild_id AS text)", "calls": "", "share": _SHARE, "users": ""},
        order="calls DESC, place, found.guild_id",
    ),
    _Parts(
        report="releases",
        steps=_wilson("found"),
        source="rated\nWINDOW releases AS (ORDER BY first_at, release)",
        columns={
            "release": "",
            "first": "first_at",
            "last": "last_at",
            **dict.fromkeys(("calls", "users", "errors", "error_rate", "low", "high"), ""),
            "p50_ms": "ranks[1]",
            "p95_ms": "ranks[2]",
            "error_verdict": _VERDICT,
        },
        order="first_at, release",
    ),
    _buckets("pipeline", {**_ranks(), "longest_ms": "longest"}),
    _Parts(
        report="recent",
        expressions={"only": "1 = 1"},
        columns={
            "at": "called_at",
            **dict.fromkeys(("command", "kind", "outcome", "error_type", "duration_ms", "ack_ms"), ""),
            "user_id": "CAST(user_id AS text)",
            "user_name": "player_name",
            "guild_id": "CAST(guild_id AS text)",
            "trace_id": "",
        },
        order="called_at DESC",
    ),
)
QUERIES: Final[Mapping[str, Query]] = {parts.report: _made(parts) for parts in _PARTS}
"""By the name of the report."""
