"""What the queries have in common, and what differs between Grafana's data sources.

Grafana replaces `${name:format}` by the value of a variable, then the data source's macros by the ends of the period
(https://grafana.com/docs/grafana/latest/visualizations/dashboards/variables/variable-syntax/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from slashspan.insights.reports.shared import HOURLY_UP_TO
from slashspan.insights.reports.users import MONTH, WEEK
from slashspan.insights.zones import DISCORD_EPOCH, day_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.insights.query import Dialect

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
SHORT_MS: Final = round(HOURLY_UP_TO.total_seconds() * 1000)
"""Up to this length of the period, series are by hour."""
EARLIEST: Final = day_number(DISCORD_EPOCH.date())


class Source(Protocol):
    """A data source of Grafana: the SQL of its database, and its own JSON. Days count from 0001-01-01."""

    name: str
    """Of slashspan's dialect."""
    type: str
    """Grafana's name."""
    filtered: Mapping[str, str]
    """As FILTERED."""
    since: str
    until: str
    """The ends of the period."""
    end: str
    """`until`, or now if that is earlier: what happens later is not known yet."""
    ever: str
    """A condition: from 1970 on."""
    is_short: str
    """Whether the period is so short that series are by hour."""
    offset: str
    """Seconds between UTC and the zone's clock at `at_s`."""
    settings: str
    """Behind the query."""
    series_name: str
    """What Grafana calls the series of a value of the column `metric`; empty: that value."""

    @property
    def dialect(self) -> Dialect: ...

    @property
    def last_day(self) -> str:
        """The local day of `end`."""

    @property
    def latest_day(self) -> str:
        """The last local day that may be shown: as in `zones.shown_days`."""

    def local_day(self, moment: str) -> str: ...

    def start_of_day(self, number: str) -> str:
        """The moment at which a day begins."""

    def bucket_start(self) -> str:
        """The moment at which `bucket` begins, an hour's second or a day."""

    def each(self, first: str, last: str, step: int = 1) -> str:
        """A row for each number."""

    def date(self, number: str) -> str:
        """A day as text."""

    def text(self, expression: str) -> str: ...

    def rank(self, array: str, place: int) -> str:
        """An element, from 1 on; null if there are none."""

    def previous(self, column: str, window: str) -> str:
        """Its value in the row before; null in the first."""

    def target(self, sql: str, *, is_series: bool) -> dict[str, Any]:
        """The JSON of a panel's query."""


def bucket(source: Source) -> dict[str, str]:
    """The expression of the reports' queries."""
    return {"bucket": f"CASE WHEN {source.is_short} THEN hour_start ELSE day END"}


def week(number: str) -> str:
    """The day on which the week of a day begins."""
    return f"{number} - ({number}) % {WEEK}"


def from_to(source: Source) -> str:
    """The period, as a condition."""
    return f"called_at >= {source.since} AND called_at < {source.until}"


def ever(source: Source) -> str:
    """For reports that read the whole history."""
    return f"{source.ever} AND called_at < {source.until}"


def month_before(source: Source) -> str:
    """For those that read the month before the period, too."""
    first = source.start_of_day(f"{source.local_day(source.since)} - {MONTH - 1}")
    return f"called_at >= {first} AND {ever(source)}"


def conditions(source: Source, period: str) -> str:
    """The period and the variables, as a condition on the table's own columns."""
    chosen = [f"{sql} IN (${{{name}:sqlstring}})" for name, sql in source.filtered.items()]
    return " AND ".join([period, *chosen])


def choices(source: Source, name: str) -> str:
    """The values of a variable that occur in the period."""
    sql = source.filtered[name]
    nothing = ("'0'" if sql.startswith("toString") else "0") if name == "guild" else "''"
    return (
        f"SELECT DISTINCT {source.text(sql)} AS value FROM {TABLE} WHERE {from_to(source)} AND {sql} <> {nothing} "
        "ORDER BY 1"
    )
