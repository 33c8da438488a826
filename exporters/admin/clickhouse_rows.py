"""ClickHouse: counts, deletes and shows rows, and the spans and logs from which they came.

The partition of a month or day that is old as a whole is dropped. Anything else is deleted by rewriting the parts that
contain it, which also removes it from the disk: the old parts go within minutes. What is deleted is gone on all nodes
when a function returns.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.exporters.admin.connections import clickhouse_client
from slashspan.exporters.stores.errors import SchemaMismatch
from slashspan.exporters.stores.schema.clickhouse_sql import SPANS, Names, literal
from slashspan.exporters.stores.schema.clickhouse_state import read_state
from slashspan.exporters.stores.schema.plan import MIGRATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slashspan.dsn import Dsn
    from slashspan.table import Table

TRACES_AT_ONCE: Final = 10_000
"""In one statement: a replicated table keeps it in Keeper, which takes 1 MB."""
_SETTINGS: Final = {"mutations_sync": 2, "alter_sync": 2, "max_query_size": 2**24}
"""A statement returns when all replicas have carried it out."""
_USER: Final = f"SpanAttributes['{semconv.USER_ID}']"


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition that is old as a whole."""

    table: str
    id: str

    def __str__(self) -> str:
        return f"{self.table} {self.id}"


class Stored:
    """The tables behind one view `command_calls`."""

    def __init__(self, client: Any, names: Names, tables: Sequence[str]) -> None:
        self._client, self._names = client, names
        self._tables = tables
        """Those of spans, logs and rows that exist."""

    def _count(self, source: str, where: str) -> int:
        return int(self._client.query(f"SELECT count() FROM {source} WHERE {where}").first_row[0])  # noqa: S608

    @property
    def _calls(self) -> str:
        return self._names.sql(self._names.calls)

    def _time(self, table: str) -> str:
        return "called_at" if table == self._names.rows else "Timestamp"

    def count_old(self, before: datetime) -> int:
        return self._count(self._calls, f"called_at < {_moment(before)}")

    def count_users(self, ids: Sequence[int]) -> int:
        return self._count(self._calls, _among("discord_uid", ids)) if ids else 0

    def old_partitions(self, before: datetime) -> list[Partition]:
        """Those in which nothing is newer, of all nodes."""
        stored = {self._names.stored(table): table for table in self._tables}
        names = self._names
        source = f"clusterAllReplicas({literal(names.cluster)}, system.parts)" if names.cluster else "system.parts"
        found = self._client.query(
            f"SELECT DISTINCT table, partition_id FROM {source} "  # noqa: S608 - quoted
            "WHERE active AND database = {database:String} AND table IN {tables:Array(String)} ORDER BY 1, 2",
            parameters={"database": names.database, "tables": list(stored)},
        )
        return [
            Partition(stored[table], partition)
            for table, partition in found.result_rows
            if (end := _end_of(partition)) is not None and end <= before
        ]

    def drop(self, partition: Partition) -> int:
        """The number of rows in it that people saw."""
        names, count = self._names, 0
        if partition.table == names.rows:
            count = self._count(f"{names.sql(names.rows)} FINAL", f"_partition_id = {literal(partition.id)}")
        self._alter(partition.table, f"DROP PARTITION ID {literal(partition.id)}")
        return count

    def delete_old(self, before: datetime) -> int:
        """What is left before this time; the number of rows that people saw."""
        count = self.count_old(before)
        for table in self._tables:
            self._delete(table, f"{self._time(table)} < {_moment(before)}")
        return count

    def delete_users(self, ids: Sequence[int]) -> int:
        """All spans and logs of the users' traces, then their rows; the number of rows that people saw."""
        if not ids:
            return 0
        count = self.count_users(ids)
        for traces in self._traces(ids):
            for table in self._tables:
                if table != self._names.rows:
                    self._delete(table, _among("TraceId", traces))
        self._delete(self._names.rows, _among("discord_uid", ids))
        return count

    def _traces(self, ids: Sequence[int]) -> Iterator[list[str]]:
        """Of these users, also those that are no rows. Read before anything is deleted: a span whose parent is gone
        would not be found any more.
        """
        names = self._names
        sources = [f"SELECT trace_id FROM {names.sql(names.rows)} WHERE {_among('discord_uid', ids)}"]  # noqa: S608
        if SPANS in self._tables:
            users = _among(_USER, [str(user) for user in ids])
            sources.append(f"SELECT TraceId FROM {names.sql(SPANS)} WHERE {users}")  # noqa: S608
        found = self._client.query(f"SELECT DISTINCT * FROM ({' UNION ALL '.join(sources)})")  # noqa: S608
        traces = [row[0] for row in found.result_rows]
        for start in range(0, len(traces), TRACES_AT_ONCE):
            yield traces[start : start + TRACES_AT_ONCE]

    def _delete(self, table: str, where: str) -> None:
        if self._count(self._names.sql(table), where):
            self._alter(table, f"DELETE WHERE {where}")

    def _alter(self, table: str, what: str) -> None:
        names = self._names
        self._client.command(
            f"ALTER TABLE {names.sql(names.stored(table))} {names.on_cluster} {what}", settings=_SETTINGS
        )

    def rows_of(self, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Rows of these users, oldest first, with checkpoints as in other databases."""
        if not ids:
            return
        sql = f"SELECT * FROM {self._calls} WHERE {_among('discord_uid', ids)} ORDER BY called_at"  # noqa: S608
        for row in self._client.query(sql, tz_mode="aware").named_results():
            marks = [{**mark, **mark["attributes"]} for mark in row["checkpoints"]]
            for mark in marks:
                del mark["attributes"]
            yield {**row, "checkpoints": marks}

    def spans_of(self, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Spans and logs of these users' traces."""
        for traces in self._traces(ids) if ids else ():
            for table in self._tables:
                if table != self._names.rows:
                    sql = f"SELECT * FROM {self._names.sql(table)} WHERE {_among('TraceId', traces)}"  # noqa: S608
                    for row in self._client.query(sql, settings=_SETTINGS, tz_mode="aware").named_results():
                        yield {"name": row.get("SpanName") or row.get("Body"), "table": table, **row}


@contextlib.contextmanager
def opened(dsn: Dsn, table: Table) -> Iterator[Stored]:
    """The tables at this DSN. Raises StoreUnavailable, SchemaMismatch, ConfigurationError."""
    with clickhouse_client(dsn) as client:
        names = Names(dsn.database or "", table)
        state = read_state(client, names)
        view = state.tables.get(names.calls)
        if view is None or not view.version or names.rows not in state.tables:
            raise SchemaMismatch(f"there is no view {table} of slashspan in {dsn}: check SLASHSPAN_TABLE, or {MIGRATE}")
        names = Names(names.database, table, state.cluster)
        yield Stored(client, names, [name for name in names.tables if name in state.tables])


def _moment(moment: datetime) -> str:
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return f"fromUnixTimestamp64Micro({since // timedelta(microseconds=1)}, 'UTC')"


def _among(column: str, values: Sequence[object]) -> str:
    listed = ", ".join(literal(value) if isinstance(value, str) else str(int(value)) for value in values)  # type: ignore[call-overload]
    return f"{column} IN ({listed})"


def _end_of(partition: str) -> datetime | None:
    """The end of a partition `202611` of a month or `20261127` of a day. Days are those of the server's time zone, so
    of a day a little more than its end in UTC.
    """
    if re.fullmatch(r"\d{6}", partition):
        year, month = divmod(int(partition[:4]) * 12 + int(partition[4:]), 12)
        return datetime(year, month + 1, 1, tzinfo=timezone.utc)
    if re.fullmatch(r"\d{8}", partition):
        day = date(int(partition[:4]), int(partition[4:6]), int(partition[6:]))
        return datetime(day.year, day.month, day.day, tzinfo=timezone.utc) + timedelta(days=1, hours=14)
    return None
