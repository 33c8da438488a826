"""SQL for a data source of Grafana, made of the reports' own texts in insights/sql."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.query import PERCENTS, compose
from slashspan.insights.reports.latency import LATE_MS, SLOW_MS
from slashspan.insights.reports.shared import NORMAL_QUANTILE
from slashspan.insights.reports.users import MONTH, WEEK
from tools.grafana.fragments import EARLIEST, LEGACY, TABLE, bucket, conditions, ever, from_to, month_before, week

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tools.grafana.fragments import Source

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

    @property
    def is_series(self) -> bool:
        """Whether Grafana makes series of the rows."""
        return bool(self.names)


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
    period: Callable[[Source], str] = from_to
    expressions: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """As in `Query`: `time` and, for the name of a series, `metric`."""


def _made(source: Source, parts: _Parts) -> Query:
    found = compose(
        source.dialect,
        parts.file or parts.report.replace("-", "_"),
        TABLE,
        conditions(source, parts.period(source)),
        lambda: source.offset,
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
    return Query(sql=text + source.settings, columns=tuple(parts.columns), names=parts.names)


def _ranks(source: Source, array: str = "ranks") -> dict[str, str]:
    return {f"p{percent}_ms": source.rank(array, place) for place, percent in enumerate(PERCENTS, 1)}


_ERROR_RATE: Final = "CAST(errors AS double precision) / nullif(ok + errors, 0)"
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


def _buckets(source: Source, report: str, columns: Mapping[str, str], **more: Any) -> _Parts:
    """A time series."""
    return _Parts(
        report=report,
        columns={"start": source.bucket_start(), **columns},
        order="1, kind" if more else "1",
        expressions=bucket(source),
        names={"start": "time", **more},
    )


def _active(days: int) -> str:
    """Who was active on the last `days` days counts on the first of these days, whose gap reaches back before them."""
    since = f"found.day > shown.day - {days} AND found.day <= shown.day"
    new = f"(gap IS NULL OR gap > {days - 1} - (shown.day - found.day))"
    return f"coalesce(sum(users) FILTER (WHERE {since} AND {new}), 0)"


def _verdict(source: Source) -> str:
    """On the error rate, against the release before."""
    first, low, high = (source.previous(name, "releases") for name in ("first_at", "low", "high"))
    return f"""CASE WHEN {first} IS NULL THEN NULL
            WHEN low > {high} THEN 'worse'
            WHEN high < {low} THEN 'better'
            ELSE 'unclear' END"""


def _parts(source: Source) -> tuple[_Parts, ...]:
    return (*_calls(source), *_times(source), *_people(source), _recent(source))


def _calls(source: Source) -> tuple[_Parts, ...]:
    """What was called, and how it ended."""
    p95, ack_p95 = source.rank("durations", 2), source.rank("acks", 2)
    return (
        _Parts(
            report="totals",
            columns={
                **dict.fromkeys(("calls", "users"), ""),
                "error_rate": _ERROR_RATE,
                "p95_ms": p95,
                "ack_p95_ms": ack_p95,
                **{name: f"coalesce({name}, 0)" for name in ("over_3s", "never")},
            },
        ),
        _buckets(source, "calls", {"kind": f"coalesce(nullif(kind, ''), '{LEGACY}')", "calls": ""}, kind="metric"),
        _Parts(
            report="commands",
            columns={
                **dict.fromkeys(("command", "kind", "calls"), ""),
                "share": _SHARE,
                **dict.fromkeys(("users", "errors", "rejected"), ""),
                "error_rate": _ERROR_RATE,
                **_ranks(source, "durations"),
                "ack_p95_ms": ack_p95,
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
            report="releases",
            steps=_wilson("found"),
            source="rated\nWINDOW releases AS (ORDER BY first_at, release)",
            columns={
                "release": "",
                "first": "first_at",
                "last": "last_at",
                **dict.fromkeys(("calls", "users", "errors", "error_rate", "low", "high"), ""),
                "p50_ms": source.rank("ranks", 1),
                "p95_ms": source.rank("ranks", 2),
                "error_verdict": _verdict(source),
            },
            order="first_at, release",
        ),
    )


def _times(source: Source) -> tuple[_Parts, ...]:
    """How long it took."""
    p95 = source.rank("ranks", 2)
    late = {name: f"CAST({name} AS double precision) / calls" for name in ("over_2s", "over_3s", "never")}
    share = "SELECT *, step_ms / nullif(sum(total_ms) OVER (PARTITION BY command, kind), 0) AS share FROM found"
    return (
        _Parts(
            report="durations",
            columns={**dict.fromkeys(("command", "kind", "calls"), ""), **_ranks(source), "longest_ms": "longest"},
            order=f"{p95} DESC, {_NAME}",
        ),
        _Parts(
            report="checkpoints",
            steps={"steps": share},
            source="steps\n WHERE name IS NOT NULL",
            columns={
                **dict.fromkeys(("command", "kind"), ""),
                "step": "name",
                "calls": "",
                **_ranks(source),
                "reached_ms": source.rank("reached", 1),
                **dict.fromkeys(("share", "slow"), ""),
            },
            order=f"slow DESC, coalesce({p95}, 0) DESC, {_NAME}, name",
        ),
        _Parts(
            report="acknowledgements",
            columns={**dict.fromkeys(("command", "kind", "calls"), ""), **_ranks(source), **late},
            order=f"{late['over_3s']} DESC, coalesce({p95}, 0) DESC, {_NAME}",
        ),
        _buckets(source, "arrival", {**_ranks(source)}),
        _buckets(source, "pipeline", {**_ranks(source), "longest_ms": "longest"}),
    )


def _people(source: Source) -> tuple[_Parts, ...]:
    """By whom."""
    first_day, latest = source.local_day(source.since), source.latest_day
    first_shown, last_shown = f"greatest({first_day}, {EARLIEST})", f"greatest(max(day), {source.last_day})"
    first_week = f"greatest(min(cohort), {week(first_day)}, {EARLIEST - EARLIEST % WEEK})"
    last_week = f"least(greatest(max(week), {week(source.last_day)}), {week(latest)})"
    return (
        _Parts(
            report="active-users",
            file="user_days",
            period=month_before,
            steps={
                "shown": (
                    f"SELECT {source.each(first_shown, f'least({last_shown}, {latest})')} AS day\n"
                    "  FROM found HAVING count(*) > 0"
                )
            },
            source="shown CROSS JOIN found\n GROUP BY shown.day",
            columns={
                "day": source.start_of_day("shown.day"),
                "dau": _active(1),
                "wau": _active(WEEK),
                "mau": _active(MONTH),
            },
            order="shown.day",
            names={"day": "time"},
        ),
        _Parts(
            report="retention",
            period=ever,
            steps={
                "edges": f"SELECT {first_week} AS first,\n       {last_week} AS last\n  FROM found HAVING count(*) > 0",
                "cohorts": f"SELECT {source.each('first', 'last', WEEK)} AS cohort, last FROM edges",
                "weeks": f"SELECT cohort, {source.each('cohort', 'last', WEEK)} AS week FROM cohorts",
                "counted": (
                    "SELECT weeks.cohort AS cohort, weeks.week AS week, coalesce(own.users, 0) AS size,\n"
                    f"       CASE WHEN {source.start_of_day(f'(weeks.week + {WEEK})')} <= {source.end}"
                    " THEN coalesce(later.users, 0) END AS active\n"
                    "  FROM weeks\n"
                    "  LEFT JOIN found AS own ON own.cohort = weeks.cohort AND own.week = weeks.cohort\n"
                    "  LEFT JOIN found AS later ON later.cohort = weeks.cohort AND later.week = weeks.week"
                ),
            },
            source="counted",
            columns={
                "cohort": source.date("cohort"),
                "week": f"(week - cohort) / {WEEK}",
                "size": "",
                "active": "",
                "share": "CAST(active AS double precision) / nullif(size, 0)",
            },
            order="counted.cohort, counted.week",
        ),
        _Parts(
            report="guilds",
            columns={"place": "", "guild_id": source.text("guild_id"), "calls": "", "share": _SHARE, "users": ""},
            order="calls DESC, place, found.guild_id",
        ),
    )


def _recent(source: Source) -> _Parts:
    return _Parts(
        report="recent",
        expressions={"only": "1 = 1"},
        columns={
            "at": "called_at",
            **dict.fromkeys(("command", "kind", "outcome", "error_type", "duration_ms", "ack_ms"), ""),
            "user_id": source.text("user_id"),
            "user_name": "player_name",
            "guild_id": source.text("guild_id"),
            "trace_id": "",
        },
        order="called_at DESC",
    )


def queries(source: Source) -> dict[str, Query]:
    """By the name of the report."""
    return {parts.report: _made(source, parts) for parts in _parts(source)}
