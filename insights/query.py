"""Makes one SQL text out of a file in `sql/`, the filters and a dialect.

A file is written once for all dialects. It contains

- `{calls}`: a subquery with the calls that the filters let through, in columns that are alike everywhere
  (`CALL_COLUMNS`); only those that the file names are in it;
- `{rows}`: the table's own columns of the same rows, and of rows of impossible times if there is no period;
- `{table}` and `{conditions}`: the table as it is, and the filters as a condition on it;
- `{name}`: an expression that the report chooses, such as `{bucket}`;
- `nearest_ranks(column)`: an aggregate, a list of the percentiles `PERCENTS`;
- `:name`: a value.

What cannot be written once is in `sql/<dialect>/`. Days are counted from 0001-01-01, and local times are arithmetic
with the offsets that `zoneinfo` gives, so that a day is the same in every database, also when the clocks change.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Protocol

from slashspan.insights.zones import AHEAD, EPOCH, SECONDS_BEFORE_EPOCH, offsets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slashspan.insights.filters import Filters

PERCENTS: Final = (50, 95, 99)
"""The percentiles, by nearest rank: the smallest value that at least so many per cent of the values do not exceed."""
_BOUNDS: Final = {"since": ">=", "until": "<"}
_EVER: Final = {"since": EPOCH, "until": datetime(2200, 1, 1, tzinfo=timezone.utc)}
"""What is called outside this is no time: PostgreSQL has infinity, and SQLite any text."""
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
_VALUE: Final = re.compile(r"(?<![:\w]):([a-z_0-9]+)")
_RANKS: Final = re.compile(r"nearest_ranks\(([\w.]+)\)")
_WORD: Final = re.compile(r"\w+")
_COMMENT: Final = re.compile(r"^\s*--.*\n", re.MULTILINE)


class Dialect(Protocol):
    """What differs between databases."""

    @property
    def name(self) -> str:
        """The folder in `sql/`."""

    @property
    def times(self) -> Mapping[str, str]:
        """SQL for `at_us`, `at_s` and `inserted_us`, and for columns of CALL_COLUMNS that are called otherwise."""

    @property
    def fence(self) -> str:
        """What keeps the database from computing a subquery's columns once for each use."""

    @property
    def table(self) -> str:
        """The table's quoted name."""

    def rows(self, filters: Filters) -> str:
        """A table or subquery with the rows of the period; it may contain some from outside it."""

    def nearest_ranks(self, expression: str) -> str:
        """An aggregate."""

    def value(self, value: Any) -> Any:
        """A value as the driver wants it."""

    def placeholder(self, number: int, name: str, value: Any) -> str:
        """How the statement names a value; `number` counts from 1."""


_FINITE: Final = "CASE WHEN {0} BETWEEN -1e300 AND 1e300 THEN {0} END"
CALL_COLUMNS: Final[Mapping[str, str]] = {
    "called_at": "called_at",
    "user_id": "nullif(discord_uid, 0)",
    "player_name": "coalesce(player_name, '')",
    "command": "coalesce(command, '')",
    "kind": "coalesce(kind, '')",
    "outcome": "coalesce(outcome, '')",
    "error_type": "error_type",
    "duration_ms": _FINITE.format("duration_ms"),
    "ack_ms": _FINITE.format("ack_ms"),
    "gateway_delay_ms": _FINITE.format("gateway_delay_ms"),
    "loop_delay_ms": _FINITE.format("loop_delay_ms"),
    "rate_limited_ms": _FINITE.format("rate_limited_ms"),
    "guild_id": "guild_id",
    "shard_id": "shard_id",
    "locale": "locale",
    "guild_locale": "guild_locale",
    "service_name": "service_name",
    "application_id": "application_id",
    "release": "coalesce(service_version, '')",
    "environment": "coalesce(environment, '')",
    "checkpoints": "checkpoints",
    "trace_id": "trace_id",
    "row_id": "id",
}
"""Columns of `{calls}`, made alike: `user_id` is null where it was dropped, texts that are compared are never null,
milliseconds are finite. Besides them there are `at_us`, `inserted_us` (microseconds since 1970) and TIME_COLUMNS."""
TIME_COLUMNS: Final[Mapping[str, str]] = {
    "hour_start": "(at_s - local_s % 3600)",
    "hour": "CAST((local_s % 86400 - local_s % 3600) / 3600 AS bigint)",
    "day": "CAST((local_s - local_s % 86400) / 86400 AS bigint)",
}
"""On the clock of the filters' zone: the second since 1970 at which the hour began, the hour (0 to 23), and days since
0001-01-01. Made from `at_s`, seconds since 1970, and `local_s`, seconds since 0001-01-01 on that clock."""


@lru_cache(maxsize=128)
def read_sql(dialect: str, name: str) -> str:
    """The file, without comments. Raises LookupError."""
    folder = resources.files("slashspan.insights").joinpath("sql")
    for place in (dialect, "common"):
        file = folder.joinpath(place).joinpath(f"{name}.sql")
        if file.is_file():
            return _COMMENT.sub("", file.read_text("utf-8"))
    raise LookupError(name)


def statement(
    dialect: Dialect, name: str, filters: Filters, expressions: Mapping[str, str], values: Mapping[str, Any]
) -> tuple[str, list[str], dict[str, Any]]:
    """The SQL, the names of its values in the order of their first use, and the values."""
    chosen_by, chosen = _conditions(filters)
    conditions = " AND ".join([*(f"called_at {sign} :{name}" for name, sign in _BOUNDS.items()), chosen_by])
    period = [f"called_at {sign} :{name}" for name, sign in _BOUNDS.items() if getattr(filters, name)]
    all_times = " AND ".join([*period, "called_at IS NOT NULL", chosen_by])
    source = dialect.rows(filters)
    rows = f"(SELECT * FROM {source} AS r WHERE {all_times})"  # noqa: S608 - values are bound
    text = compose(dialect, name, source, conditions, lambda: _offset(filters), {"rows": rows, **expressions})
    bounds = {name: getattr(filters, name) or ever for name, ever in _EVER.items()}
    every = {**bounds, **chosen, **values}
    order: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in order:
            order.append(match[1])
        return dialect.placeholder(order.index(match[1]) + 1, match[1], every[match[1]])

    text = _VALUE.sub(number, text)
    return text, order, {key: dialect.value(every[key]) for key in order}


def compose(
    dialect: Dialect, name: str, source: str, conditions: str, offset: Callable[[], str], expressions: Mapping[str, str]
) -> str:
    """The SQL, with its values still as `:name`.

    `source`: a table or subquery. `conditions`: which of its rows are calls that count. `offset`: makes SQL for the
    seconds between UTC and the zone's clock at `at_s`, if the file asks for local times.
    """
    ours = {"table": dialect.table, "conditions": conditions, **expressions}
    text = _PLACE.sub(lambda match: ours.get(match[1], match[0]), read_sql(dialect.name, name))
    text = _RANKS.sub(lambda match: dialect.nearest_ranks(match[1]), text)
    return text.replace("{calls}", _calls(dialect, source, conditions, offset, text)) if "{calls}" in text else text


def _calls(dialect: Dialect, source: str, conditions: str, offset: Callable[[], str], text: str) -> str:
    """The subquery, with the columns that the text names. Times are made in steps, so that each is computed once."""

    words = set(_WORD.findall(text))
    inner = {name: sql for name, sql in {**CALL_COLUMNS, **dialect.times}.items() if name in words}
    times = {name: sql for name, sql in TIME_COLUMNS.items() if name in words}
    if times:
        inner["at_s"] = dialect.times["at_s"]
    columns = ", ".join(f"{sql} AS {name}" for name, sql in inner.items()) or "1 AS one"
    sql = f"SELECT {columns} FROM {source} AS r WHERE {conditions}"  # noqa: S608 - values are bound
    if times:
        local = f"at_s + {offset()} + {SECONDS_BEFORE_EPOCH}"
        columns = ", ".join(f"{made} AS {name}" for name, made in times.items())
        sql = f"SELECT s.*, {local} AS local_s FROM ({sql}{dialect.fence}) AS s"  # noqa: S608
        sql = f"SELECT l.*, {columns} FROM ({sql}) AS l"  # noqa: S608
    return f"({sql})"


def _offset(filters: Filters) -> str:
    """SQL for the seconds between UTC and the zone's clock at `at_s`; what happens most often is asked first."""
    latest = datetime.now(timezone.utc) + AHEAD
    first = max(filters.since or EPOCH, EPOCH).date()
    last = min(filters.until or latest, latest).date()
    (_, initial), *changes = offsets(filters.zone, first, max(first, last) + timedelta(days=2))
    if not changes:
        return str(initial)
    cases = " ".join(f"WHEN at_s >= {second} THEN {offset}" for second, offset in reversed(changes))
    return f"CASE {cases} ELSE {initial} END"


def _conditions(filters: Filters) -> tuple[str, dict[str, Any]]:
    """The filters except the period as SQL on the table's own columns, with names for their values."""
    values: dict[str, Any] = {}

    def one_of(expression: str, name: str, wanted: tuple[Any, ...]) -> str:
        names = {f"{name}_{number}": value for number, value in enumerate(wanted)}
        values.update(names)
        return f"{expression} IN ({', '.join(f':{each}' for each in names)})"

    found = [one_of("coalesce(kind, '')", "kind", filters.counted_kinds)]
    for expression, name, wanted in (
        ("command", "command", filters.commands),
        ("guild_id", "guild", filters.guilds),
        ("discord_uid", "user", filters.users),
        ("shard_id", "shard", filters.shards),
        ("environment", "environment", filters.environments),
        ("service_version", "release", filters.releases),
    ):
        if wanted:
            found.append(one_of(expression, name, wanted))
    if filters.bots:
        ids = tuple(int(bot) for bot in filters.bots if bot.isdecimal())
        either = [one_of("service_name", "service", filters.bots)]
        either += [one_of("application_id", "application", ids)] if ids else []
        found.append(f"({' OR '.join(either)})")
    return " AND ".join(found), values
