"""PostgreSQL's data source, whose macros are quoted and in UTC.

https://grafana.com/docs/grafana/latest/datasources/postgres/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.readers.postgres import PostgresDialect
from slashspan.insights.zones import AHEAD
from slashspan.table import Table
from tools.grafana.fragments import FILTERED, SHORT_MS, TABLE_NAME, ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAY_0: Final = "date '0001-01-01'"


class Postgresql:
    """As `Source`."""

    name = "postgresql"
    type = "grafana-postgresql-datasource"
    dialect = PostgresDialect(Table(TABLE_NAME))
    filtered: Mapping[str, str] = FILTERED
    since = "CAST($__timeFrom() AS timestamptz)"
    until = "CAST($__timeTo() AS timestamptz)"
    end = f"least({until}, now())"
    ever = "called_at >= to_timestamp(0)"
    is_short = f"{end} - {since} <= interval '{SHORT_MS // 1000} seconds'"
    offset = f"CAST(extract(epoch FROM to_timestamp(at_s) AT TIME ZONE {ZONE}) AS bigint) - at_s"
    settings = ""
    series_name = ""

    @property
    def last_day(self) -> str:
        return self.local_day(f"({self.end} - interval '1 microsecond')")

    @property
    def latest_day(self) -> str:
        return self.local_day(f"(now() + interval '{AHEAD.days} days')")

    def local_day(self, moment: str) -> str:
        return f"CAST({moment} AT TIME ZONE {ZONE} AS date) - {_DAY_0}"

    def start_of_day(self, number: str) -> str:
        return f"CAST({_DAY_0} + CAST({number} AS integer) AS timestamp) AT TIME ZONE {ZONE}"

    def bucket_start(self) -> str:
        return f"CASE WHEN {self.is_short} THEN to_timestamp(bucket) ELSE {self.start_of_day('bucket')} END"

    def each(self, first: str, last: str, step: int = 1) -> str:
        return f"generate_series({first}, {last}, {step})"

    def date(self, number: str) -> str:
        return f"to_char({_DAY_0} + CAST({number} AS integer), 'YYYY-MM-DD')"

    def text(self, expression: str) -> str:
        return f"CAST({expression} AS text)"

    def rank(self, array: str, place: int) -> str:
        return f"{array}[{place}]"

    def previous(self, column: str, window: str) -> str:
        return f"lag({column}) OVER {window}"

    def target(self, sql: str, *, is_series: bool) -> dict[str, Any]:
        return {
            "editorMode": "code",
            "format": "time_series" if is_series else "table",
            "rawQuery": True,
            "rawSql": sql,
        }
