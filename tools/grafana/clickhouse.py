"""ClickHouse's data source, of version 4.0.3 and later, which has macros of milliseconds.

https://grafana.com/grafana/plugins/grafana-clickhouse-datasource/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.readers.clickhouse import ClickhouseDialect
from slashspan.insights.zones import AHEAD, EPOCH, day_number
from slashspan.table import Table
from tools.grafana.fragments import FILTERED, SHORT_MS, TABLE_NAME, ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAY_0: Final = day_number(EPOCH.date())
"""Day 0 of ClickHouse's dates."""
_PLUGIN: Final = "4.0.3"


class Clickhouse:
    """As `Source`."""

    name = "clickhouse"
    type = "grafana-clickhouse-datasource"
    dialect = ClickhouseDialect(Table(TABLE_NAME))
    filtered: Mapping[str, str] = {**FILTERED, "guild": "toString(coalesce(guild_id, 0))"}
    since = "$__fromTime_ms"
    until = "$__toTime_ms"
    end = f"least({until}, now64(3))"
    ever = "called_at >= fromUnixTimestamp64Micro(0)"
    is_short = f"toUnixTimestamp64Milli({end}) - toUnixTimestamp64Milli({since}) <= {SHORT_MS}"
    offset = f"timeZoneOffset(toDateTime64(at_s, 0, {ZONE}))"
    settings = "\nSETTINGS prefer_column_name_to_alias = 1, join_use_nulls = 1, cast_keep_nullable = 1"
    series_name = "${__field.labels.metric}"

    @property
    def last_day(self) -> str:
        return self.local_day(f"toDateTime64({self.end}, 6) - toIntervalMicrosecond(1)")

    @property
    def latest_day(self) -> str:
        return self.local_day(f"now() + toIntervalDay({AHEAD.days})")

    def local_day(self, moment: str) -> str:
        return f"toInt32(toDate32({moment}, {ZONE})) + {_DAY_0}"

    def start_of_day(self, number: str) -> str:
        return f"toDateTime64(toDate32({number} - {_DAY_0}), 0, {ZONE})"

    def bucket_start(self) -> str:
        day = f"toInt64(toUnixTimestamp({self.start_of_day('bucket')}))"
        return f"toDateTime64(CASE WHEN {self.is_short} THEN bucket ELSE {day} END, 0, 'UTC')"

    def each(self, first: str, last: str, step: int = 1) -> str:
        return f"arrayJoin(range(toInt64({first}), toInt64({last}) + 1, {step}))"

    def date(self, number: str) -> str:
        return f"toString(toDate32({number} - {_DAY_0}))"

    def text(self, expression: str) -> str:
        return f"toString({expression})"

    def rank(self, array: str, place: int) -> str:
        return f"if(empty({array}), NULL, {array}[{place}])"

    def previous(self, column: str, window: str) -> str:
        return f"lag(toNullable({column})) OVER {window}"

    def target(self, sql: str, *, is_series: bool) -> dict[str, Any]:
        return {
            "editorType": "sql",
            "format": 0 if is_series else 1,
            "pluginVersion": _PLUGIN,
            "queryType": "timeseries" if is_series else "table",
            "rawSql": sql,
        }
