"""What the queries have in common: Grafana's macros and variables, and days on the clock of the chosen zone.

Grafana replaces `${name:format}` by the value of a variable, then `$__timeFrom()` and `$__timeTo()` by the ends of the
period, quoted and in UTC (https://grafana.com/docs/grafana/latest/datasources/postgres/,
https://grafana.com/docs/grafana/latest/visualizations/dashboards/variables/variable-syntax/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slashspan.insights.reports.shared import HOURLY_UP_TO
from slashspan.insights.reports.users import MONTH, WEEK
from slashspan.insights.zones import AHEAD, DISCORD_EPOCH, day_number

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE: Final = "${table:raw}"
TABLE_NAME: Final = "command_calls"
"""Of the table, unless the variable is changed."""
ZONE: Final = "${zone:sqlstring}"
LEGACY: Final = "legacy"
"""What a variable calls the kind of rows that an old bot wrote: a variable cannot have an empty value."""
FILTERED: Final[Mapping[str, str]] = {
    "kind": f"coalesce(nullif(kind, ''), '{LEGACY}')",
    "command": "coalesce(command, '')",
    "guild": "coalesce(guild_id, 0)",
    "environment": "coalesce(environment, '')",
    "release": "coalesce(service_version, '')",
}
"""What each variable is compared with. "All" is this expression itself, which equals itself in every row."""

SINCE: Final = "CAST($__timeFrom() AS timestamptz)"
END: Final = "least(CAST($__timeTo() AS timestamptz), now())"
"""What happens later is not known yet."""
DAY_0: Final = "date '0001-01-01'"
SHORT: Final = f"{END} - {SINCE} <= interval '{HOURLY_UP_TO.total_seconds() / 3600:g} hours'"
BUCKET: Final = {"bucket": f"CASE WHEN {SHORT} THEN hour_start ELSE day END"}
OFFSET: Final = f"CAST(extract(epoch FROM to_timestamp(at_s) AT TIME ZONE {ZONE}) AS bigint) - at_s"
FROM_TO: Final = "called_at >= $__timeFrom() AND called_at < $__timeTo()"
TO: Final = "called_at >= to_timestamp(0) AND called_at < $__timeTo()"
"""For reports that read the whole history."""


def local_day(moment: str) -> str:
    """Days since 0001-01-01, as the reports' queries count them."""
    return f"CAST({moment} AT TIME ZONE {ZONE} AS date) - {DAY_0}"


def week(number: str) -> str:
    """The day on which the week of a day begins."""
    return f"{number} - ({number}) % {WEEK}"


def start_of_day(number: str) -> str:
    """The moment at which a day begins."""
    return f"CAST({DAY_0} + CAST({number} AS integer) AS timestamp) AT TIME ZONE {ZONE}"


FIRST_DAY: Final = local_day(SINCE)
EARLIEST: Final = day_number(DISCORD_EPOCH.date())
LATEST: Final = local_day(f"(now() + interval '{AHEAD.days} days')")
"""As in `zones.shown_days`."""
LAST_DAY: Final = local_day(f"({END} - interval '1 microsecond')")
BUCKET_START: Final = f"CASE WHEN {SHORT} THEN to_timestamp(bucket) ELSE {start_of_day('bucket')} END"
MONTH_BEFORE: Final = (
    f"called_at >= CAST({DAY_0} + ({FIRST_DAY}) - {MONTH - 1} AS timestamp) AT TIME ZONE {ZONE} AND {TO}"
)


def conditions(period: str) -> str:
    """The period and the variables, as a condition on the table's own columns."""
    chosen = [f"{sql} IN (${{{name}:sqlstring}})" for name, sql in FILTERED.items()]
    return " AND ".join([period, *chosen])


def choices(name: str) -> str:
    """The values of a variable that occur in the period."""
    sql = FILTERED[name]
    nothing = "0" if name == "guild" else "''"
    return (
        f"SELECT DISTINCT CAST({sql} AS text) AS value FROM {TABLE} WHERE {FROM_TO} AND {sql} <> {nothing} ORDER BY 1"
    )
