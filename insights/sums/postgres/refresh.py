"""Brings the sums in PostgreSQL up to date.

A round takes the marks and makes their hours anew, in one REPEATABLE READ transaction: the marks that it sees are
exactly those of the rows that it sees. Later ones stay for the next round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slashspan.insights.sums import hours
from slashspan.insights.sums.postgres.documents import StoredDocuments
from slashspan.insights.sums.postgres.marks import marked_hours, read_marks, tally_hours, write_mark
from slashspan.insights.sums.tally import Tally
from slashspan.sum_tables import postgres_triggers

if TYPE_CHECKING:
    from slashspan.insights.sums.postgres.connection import SumsConnection

HOURS: Final = 12
"""Hours that one transaction makes anew at most."""


async def refresh_once(connection: SumsConnection) -> int | None:
    """One round; the number of hours. None if there is nothing to do."""
    async with connection.alone() as state:
        marks = await read_marks(connection.asyncpg, state.names, take=True)
        if not marks:
            return None
        todo = await marked_hours(connection.asyncpg, state, marks)
        now, later = todo[:HOURS], todo[HOURS:]
        for since, until in hours.runs(later):
            await write_mark(connection.asyncpg, state.names, since, until)
        tally = Tally(state.shift)
        await tally_hours(connection, tally, now)
        stored = StoredDocuments(connection.asyncpg, state.names)
        documents = tally.documents(await stored.numbered(tally.ids))
        for start in now:
            await stored.write_hour(start, documents.get(start))
        await stored.write_days(state.zones, now)
        return len(now)


async def watch_partitions(connection: SumsConnection) -> None:
    """Give partitions their triggers, mark what may have changed without, and remember those that are there."""
    state = await connection.installed()
    for partition in state.catalog.partitions:
        if not partition.marks:
            for sql in postgres_triggers(state.names, partition.name):
                await connection.asyncpg.execute(sql)
    for since, until in state.unmarked:
        await write_mark(connection.asyncpg, state.names, since, until)
    sql = f"UPDATE {state.names.state} SET partitions = $1"
    await connection.asyncpg.execute(sql, (await connection.catalog()).recorded())
