"""What do the key, the indexes and the deduplication of ClickHouse's rows cost, and what do they give?

The same rows go into the table that `slashspan migrate` creates and into variants of it, in batches of 20,000 as a
collector sends them, some of them twice. Then the same queries run on each: on the rows as they lie there, and with
FINAL, as the view `command_calls` reads them. The real engine, chdb, in a process of its own, whose CPU time is
measured: it says the same on a busy machine.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from benchmarks._report import Report, Target
from slashspan.exporters.stores.schema import clickhouse_sql as sql
from slashspan.table import Table
from tests.support import clickhouse
from tests.support.clickhouse_server import clickhouse_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.clickhouse_server import ClickhouseServer

NAME: Final = "clickhouse_tables"
QUESTION: Final = "ClickHouse: which key, which indexes, and what does reading each row once cost?"
BATCH: Final = 20_000
TWICE: Final = 25
"""Every how many batches one is sent twice."""
DAYS: Final = 90
ROUNDS: Final = 10
FIRST_US: Final = 1_785_000_000_000_000
STEP_US: Final = DAYS * 86_400_000_000
SCHEMA: Final = "the schema: ORDER BY (called_at, span_id)"
BY_COMMAND: Final = "ORDER BY (command, called_at, span_id)"
NO_INDEX: Final = "no index on user and trace"
NO_VERSION: Final = "the last duplicate stays, not the first"
VARIANTS: Final[dict[str, Callable[[str], str]]] = {
    SCHEMA: lambda create: create,
    BY_COMMAND: lambda create: create.replace("PRIMARY KEY called_at", "PRIMARY KEY (command, called_at)").replace(
        "ORDER BY (called_at, span_id)", "ORDER BY (command, called_at, span_id)"
    ),
    NO_INDEX: lambda create: "\n".join(
        line.rstrip(",") if "MATERIALIZED" in line else line for line in create.splitlines() if "INDEX by_" not in line
    ),
    NO_VERSION: lambda create: create.replace("ReplacingMergeTree(version)", "ReplacingMergeTree()"),
}
COUNT: Final = "count by command"
WEEK: Final = "the same, last 7 days"
COMMAND: Final = "p95 of a command, 30 days"
USER: Final = "a user's calls"
TRACE: Final = "a trace"
QUERIES: Final = {
    COUNT: "SELECT command, count() FROM {0} GROUP BY command",
    WEEK: "SELECT command, count() FROM {0} WHERE called_at >= {week} GROUP BY command",
    COMMAND: (
        "SELECT toDate(called_at), quantileExact(0.95)(duration_ms) FROM {0} "
        "WHERE command = 'command 7' AND called_at >= {month} GROUP BY 1"
    ),
    USER: "SELECT count(), max(called_at) FROM {0} WHERE discord_uid = {user}",
    TRACE: "SELECT command FROM {0} WHERE trace_id = '{trace}'",
}
MADE: Final = """
CREATE TABLE bench.made ENGINE = MergeTree ORDER BY called_at AS
SELECT * EXCEPT half FROM (
SELECT 80351110224678912 + intHash32(toUInt32(pow(rand(number) / 4294967295, 3) * 50000)) AS discord_uid,
       'player ' || toString(discord_uid) AS player_name,
       'command ' || toString(toUInt8(pow(rand(number + 1) / 4294967295, 2) * 40)) AS command,
       fromUnixTimestamp64Micro(toInt64({first} + number * {step} / {rows} + rand(number + 2) % 1000), 'UTC')
           AS called_at,
       'slash' AS kind, if(rand(number + 3) % 20 = 0, 'error', 'ok') AS outcome,
       if(outcome = 'error', 'discord.errors.NotFound', NULL) AS error_type,
       exp(rand(number + 4) / 4294967295 * 6) AS duration_ms, duration_ms * 0.7 AS ack_ms, 90. AS gateway_delay_ms,
       toInt64(number * 4194304) AS interaction_id, 1395121340893008024 AS application_id,
       toInt64(197038439483310086 + rand(number + 5) % 3000) AS guild_id, guild_id + rand(number + 6) % 9 AS channel_id,
       'en-US' AS locale, 'ladder-bot' AS service_name, '1.2.3' AS service_version,
       lower(hex(reinterpretAsFixedString(rand64(number + 7)))) AS half,
       half || lower(hex(reinterpretAsFixedString(rand64(number + 8)))) AS trace_id,
       reinterpretAsInt64(rand64(number + 9)) AS span_id,
       [('rows_fetched', duration_ms / 2, duration_ms / 2, map())] AS checkpoints
  FROM numbers({rows}))
"""
"""A few very active users, commands of different popularity, times that rise."""


def run(*, quick: bool = False) -> Report:
    if not clickhouse.installed():
        return Report(NAME, QUESTION, ("", ""), [], notes=(f"not measured: {clickhouse.MISSING}",))
    with tempfile.TemporaryDirectory() as folder, clickhouse_server(Path(folder)) as server:
        bench = _Bench(server)
        try:
            return _measure(bench, rows=200_000 if quick else 1_000_000)
        finally:
            bench.client.close()


class _Bench:
    """A client, and a clock of the CPU time that its server takes."""

    def __init__(self, server: ClickhouseServer) -> None:
        self.client = server.client()
        self._process = psutil.Process(server.pid)

    def seconds(self, *statements: str, rounds: int = 1) -> float:
        """CPU seconds of one round of these statements."""
        before = self._process.cpu_times()
        for _ in range(rounds):
            for statement in statements:
                self.client.command(statement)
        after = self._process.cpu_times()
        return (after.user - before.user + after.system - before.system) / rounds


def _measure(bench: _Bench, rows: int) -> Report:
    client = bench.client
    names = sql.Names("bench", Table("command_calls"))
    client.command(sql.create_database(names))
    client.command(MADE.format(first=FIRST_US, step=STEP_US, rows=rows))
    tables = {variant: f"bench.rows_{number}" for number, variant in enumerate(VARIANTS)}
    create = sql.create_table(names, names.rows).sql
    for variant, table in tables.items():
        client.command(VARIANTS[variant](create).replace(names.sql(names.rows), table))
    took = _fill(bench, list(tables.values()), rows)
    times = {variant: _answers(bench, table, rows) for variant, table in tables.items()}
    lines = [
        [
            variant,
            f"{rows / took[table]:,.0f}",
            f"{_bytes(client, table) / rows:,.0f}",
            *(f"{raw:,.0f} / {final:,.0f}" for raw, final in times[variant].values()),
        ]
        for variant, table in tables.items()
    ]
    return _report(lines, times, rows, _spans(bench, names))


def _fill(bench: _Bench, tables: list[str], rows: int) -> dict[str, float]:
    """CPU seconds that the inserts into each table took, in turns; then merges come to rest."""
    client = bench.client
    took = dict.fromkeys(tables, 0.0)
    columns = ", ".join(row[0] for row in client.query("DESCRIBE TABLE bench.made").result_rows)
    batches = list(range(0, rows, BATCH))
    for number, start in enumerate(batches + batches[::TWICE]):
        edges = [FIRST_US + place * STEP_US // rows for place in (start, start + BATCH)]
        where = " AND ".join(
            f"called_at {sign} fromUnixTimestamp64Micro({edge}, 'UTC')"
            for sign, edge in zip((">=", "<"), edges, strict=True)
        )
        for table in tables[number % len(tables) :] + tables[: number % len(tables)]:
            took[table] += bench.seconds(f"INSERT INTO {table} ({columns}) SELECT * FROM bench.made WHERE {where}")
    while client.query("SELECT count() FROM system.merges").first_row[0]:
        time.sleep(0.5)
    return took


def _bytes(client: Any, table: str) -> int:
    name = table.partition(".")[2]
    asked = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = {name:String}"
    return int(client.query(asked, parameters={"name": name}).first_row[0])


def _answers(bench: _Bench, table: str, rows: int) -> dict[str, tuple[float, ...]]:
    """Of each query: ms on the rows as they lie there, and with each row once."""
    client = bench.client
    end = FIRST_US + STEP_US
    user, trace = client.query("SELECT discord_uid, trace_id FROM bench.made LIMIT 1").first_row
    words = {
        "week": f"fromUnixTimestamp64Micro({end - 7 * 86_400_000_000}, 'UTC')",
        "month": f"fromUnixTimestamp64Micro({end - 30 * 86_400_000_000}, 'UTC')",
        "user": user,
        "trace": trace,
    }
    found = client.query(f"SELECT count() FROM {table} FINAL").first_row[0]
    if found != rows:
        raise AssertionError(f"{found} rows instead of {rows}")
    return {
        query: tuple(
            1000 * bench.seconds(text.format(source, **words), rounds=ROUNDS) for source in (table, f"{table} FINAL")
        )
        for query, text in QUERIES.items()
    }


def _spans(bench: _Bench, names: sql.Names) -> str:
    """What a span costs, and how fast spans come in with and without the view that makes rows of them."""
    client = bench.client
    statements = [sql.create_table(names, name).sql for name in (sql.SPANS, names.rows)]
    insert = f"""
        INSERT INTO {names.sql(sql.SPANS)} (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName,
            ResourceAttributes, SpanAttributes, Duration, Events.Timestamp, Events.Name, Events.Attributes)
        SELECT called_at, trace_id, hex(span_id), 'slash ' || command, 'Server', service_name,
               map('service.name', service_name, 'service.version', service_version),
               map('discord.interaction.kind', kind, 'discord.command.name', command,
                   'discord.interaction.outcome', outcome,
                   'discord.user.id', toString(discord_uid), 'discord.user.name', player_name,
                   'discord.guild.id', toString(guild_id), 'discord.channel.id', toString(channel_id),
                   'discord.interaction.id', toString(interaction_id), 'discord.locale', locale,
                   'discord.application.id', toString(application_id), 'discord.interaction.ack_ms', toString(ack_ms)),
               toUInt64(duration_ms * 1e6), [called_at], ['rows_fetched'],
               [map('discord.checkpoint.at_ms', toString(duration_ms / 2))]
          FROM bench.made WHERE called_at < fromUnixTimestamp64Micro({FIRST_US + STEP_US // 10}, 'UTC')
    """
    speeds = []
    for more in ([], [sql.create_filled(names).sql]):
        for table in (sql.SPANS, names.rows):
            client.command(f"DROP TABLE IF EXISTS {names.sql(table)} SYNC")
        for statement in (*statements, *more):
            client.command(statement)
        client.command(f"SYSTEM STOP TTL MERGES {names.sql(sql.SPANS)}")
        took = bench.seconds(insert)
        count = client.query(f"SELECT count() FROM {names.sql(sql.SPANS)}").first_row[0]
        speeds.append(count / took)
    size = _bytes(client, f"bench.{sql.SPANS}") / count
    return (
        f"a span without children takes {size:,.0f} bytes in otel_traces; one INSERT of {count:,} of nine days: "
        f"{speeds[0]:,.0f} spans per CPU second into it alone, {speeds[1]:,.0f} with the view that makes rows of them"
    )


def _report(lines: list[list[str]], times: dict[str, dict[str, tuple[float, ...]]], rows: int, spans: str) -> Report:
    schema, other = times[SCHEMA], times[BY_COMMAND]
    once, before = schema[COUNT][1] / schema[COUNT][0], other[COUNT][1] / other[COUNT][0]
    return Report(
        NAME,
        QUESTION,
        ("", "rows per CPU s", "B/row", *(f"{query}, ms" for query in QUERIES)),
        lines,
        targets=(
            Target(
                f"counting each row once takes at most 3 × as long as counting rows: {once:.1f} × "
                f"(with the command first in the key {before:.1f} ×)",
                once <= 3,
            ),
        ),
        notes=(
            "ms of CPU time: on the rows as they lie there / with each row once, as the view reads them",
            f"{rows:,} rows of {DAYS} days, batches of {BATCH:,}, every {TWICE}th sent twice",
            spans,
        ),
    )
