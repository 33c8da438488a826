"""What does each index of the table cost, and which queries does it speed up?

The same rows go into a table with only the unique key and into others with one more index each, in alternating blocks,
so that noise affects them all alike; then the same queries run on each table. Real PostgreSQL, written in batches of
512 (INSERT … SELECT unnest, ON CONFLICT DO NOTHING).
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import asyncpg

from benchmarks._report import Report, Target, median
from slashspan.exporters.stores import schema
from slashspan.table import Table
from tests.support.postgres import postgres

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

BATCH = 512
DAYS = 90
COMMANDS = 40
FIRST = datetime(2026, 8, 1, tzinfo=timezone.utc)
KEY = "unique key (called_at, span_id)"
SCHEMA = "+ (command, called_at): the schema"
BRIN = "schema + BRIN (called_at)"
USER = "schema + (discord_uid, called_at)"
VARIANTS = {
    KEY: "DROP INDEX {0}_command",
    SCHEMA: "",
    BRIN: "CREATE INDEX {0}_x ON {0} USING brin (called_at)",
    USER: "CREATE INDEX {0}_x ON {0} (discord_uid, called_at)",
}
NAMED = {KEY: "_identity", SCHEMA: "_command"}
COLUMNS = {
    "discord_uid": "bigint",
    "player_name": "text",
    "command": "text",
    "called_at": "timestamptz",
    "kind": "text",
    "outcome": "text",
    "duration_ms": "float8",
    "guild_id": "bigint",
    "trace_id": "text",
    "span_id": "bigint",
}
QUERIES = {
    "p95 of a command": (
        "SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms) FROM {0} WHERE command = 'command 25' "
        "AND called_at >= '2026-10-10' AND called_at < '2026-10-30'"
    ),
    "count of a day": "SELECT count(*) FROM {0} WHERE called_at >= '2026-10-01' AND called_at < '2026-10-02'",
    "a user's calls": "SELECT count(*), max(called_at) FROM {0} WHERE discord_uid = 5000",
}


@dataclass
class _Table:
    name: str
    seconds: float = 0.0
    wal: int = 0
    answers: dict[str, list[float]] = field(default_factory=dict)


def run(*, quick: bool = False) -> Report:
    with postgres() as server:
        return asyncio.run(_measure(server, rows=100_000 if quick else 1_000_000))


async def _measure(server: Postgres, rows: int) -> Report:
    connection = await asyncpg.connect(server.dsn())
    tables = {variant: _Table(f"calls_{number}") for number, variant in enumerate(VARIANTS)}
    await connection.execute("SET synchronous_commit = off")
    for variant, table in tables.items():
        await _create(connection, table.name, VARIANTS[variant])
    dice = random.Random(1)
    block = 20 * BATCH
    for start in range(0, rows, block):
        batches = [_batch(dice, start + n, min(BATCH, rows - start - n), rows) for n in range(0, block, BATCH)]
        order = list(tables)
        dice.shuffle(order)
        for variant in order:
            await _write(connection, tables[variant], [batch for batch in batches if batch[0]])
        if start // block % 10 == 9:
            await connection.execute("CHECKPOINT")  # after it the first change to each page is logged as a full page
    for table in tables.values():
        await connection.execute(f"VACUUM ANALYZE {table.name}")
    for _ in range(5):
        for table in tables.values():
            for query, sql in QUERIES.items():
                table.answers.setdefault(query, []).append(await _timed(connection, sql.format(table.name)))
    lines = [await _line(connection, variant, table, tables[SCHEMA], rows) for variant, table in tables.items()]
    await connection.close()
    return _report(lines, tables, rows)


async def _create(connection: Any, name: str, more: str) -> None:
    first = schema.migrations("postgresql", Table(name))[0]
    await connection.execute(first.sql)
    if more:
        await connection.execute(more.format(name))


def _batch(dice: random.Random, start: int, count: int, total: int) -> list[list[Any]]:
    """Columns of the next rows: rising times, a few very active users, commands of different popularity."""
    step = timedelta(days=DAYS) / total
    users = [min(50_000, int(dice.paretovariate(0.6) * 100)) for _ in range(count)]
    return [
        users,
        [f"player {user}" for user in users],
        [f"command {min(COMMANDS, int(dice.expovariate(0.1)))}" for _ in range(count)],
        [FIRST + step * (start + n) for n in range(count)],
        ["slash"] * count,
        ["ok"] * count,
        [dice.expovariate(0.05) for _ in range(count)],
        [dice.randrange(2**60) for _ in range(count)],
        [f"{dice.getrandbits(128):032x}" for _ in range(count)],
        [dice.randrange(-(2**63), 2**63) for _ in range(count)],
    ]


async def _write(connection: Any, table: _Table, batches: list[list[list[Any]]]) -> None:
    arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(COLUMNS.values(), 1))
    conflict = "ON CONFLICT DO NOTHING"
    statement = await connection.prepare(
        f"INSERT INTO {table.name} ({', '.join(COLUMNS)}) SELECT * FROM unnest({arrays}) {conflict}"
    )
    before = await connection.fetchval("SELECT pg_current_wal_insert_lsn()")
    began = time.perf_counter()
    for batch in batches:
        await statement.fetch(*batch)
    table.seconds += time.perf_counter() - began
    table.wal += await connection.fetchval("SELECT pg_current_wal_insert_lsn()") - before


async def _timed(connection: Any, sql: str) -> float:
    began = time.perf_counter()
    await connection.fetch(sql)
    return time.perf_counter() - began


async def _line(connection: Any, variant: str, table: _Table, base: _Table, rows: int) -> list[str]:
    index = table.name + NAMED.get(variant, "_x")
    size = await connection.fetchval(f"SELECT pg_relation_size('{index}')")
    return [
        variant,
        f"{rows / table.seconds:,.0f}",
        f"{base.seconds / table.seconds:.2f}",
        f"{table.wal / rows:,.0f}",
        f"{size / 2**20:,.1f}",
        *(f"{1000 * median(table.answers[query]):,.1f}" for query in QUERIES),
    ]


def _report(lines: list[list[str]], tables: dict[str, _Table], rows: int) -> Report:
    def gain(variant: str, than: str, query: str) -> float:
        return median(tables[than].answers[query]) / median(tables[variant].answers[query])

    command = gain(SCHEMA, KEY, "p95 of a command")
    return Report(
        "indexes",
        "What does each index cost, and which queries does it speed up?",
        ("", "rows/s", "÷ schema", "WAL, B/row", "index, MiB", *(f"{query}, ms" for query in QUERIES)),
        lines,
        targets=(
            Target(
                f"(command, called_at) makes the p95 of a command at least 5 × as fast: {command:.1f} ×", command >= 5
            ),
        ),
        notes=(
            f"{rows:,} rows of {DAYS} days, batches of {BATCH}; index size: of the last index that the row names",
            "p95 of a command: one call in 125, over the last 20 of 90 days; count of a day: over one of 90 days",
            "`slashspan forget` runs the query of `a user's calls` once",
        ),
    )
