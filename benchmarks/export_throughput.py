"""How fast are rows written to PostgreSQL, compared with the most that the server and the driver can do?

Every method writes the same rows into the same table with the same indexes, truncated in between, in alternation.
"""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from benchmarks._report import Report, Target, median
from slashspan.exporters.delivery.backlog import REPLAY_ROWS
from slashspan.exporters.rows.command_call import ROW_COLUMNS
from slashspan.exporters.rows.timestamps import as_datetime
from slashspan.exporters.stores import postgres_copy as binary_copy
from slashspan.exporters.stores.factory import open_store
from slashspan.table import Table
from tests.support.postgres import postgres
from tests.support.proxy import proxy_process
from tests.support.rows import FULL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slashspan.exporters.rows.command_call import CommandCall
    from tests.support.postgres import Postgres

LIVE, BACKLOG = 512, REPLAY_ROWS
ROUND_TRIP = 0.16
TABLE = Table("command_calls")
NAMES = [column.name for column in ROW_COLUMNS]
COLUMNS = ", ".join(NAMES)


def run(*, quick: bool = False) -> Report:
    count, rounds = (3 * BACKLOG, 2) if quick else (8 * BACKLOG, 3)
    rows = [
        dataclasses.replace(FULL, called_at=FULL.called_at + 1000 * n, span_id=hash((n, "row"))) for n in range(count)
    ]
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        near = _near(server, rows, rounds, Path(folder))
        far = _far(server, rows)
    drain, raw = median(near["slashspan, a backlog"]), median(near["raw binary COPY, already encoded"])
    live, by_hand = median(near["slashspan, live batches"]), median(near["INSERT … unnest by hand"])
    table = [(name, f"{median(rates):,.0f}", f"{median(rates) / raw:.2f}") for name, rates in near.items()]
    table += [
        (f"160 ms away: slashspan, live batches of {LIVE}", f"{far['live']:,.0f}", f"{far['trips']:.2f} round trips"),
        ("160 ms away: slashspan, a backlog", f"{far['backlog']:,.0f}", ""),
    ]
    return Report(
        "export_throughput",
        "How fast are rows written to PostgreSQL?",
        ("", "rows/s", "÷ raw COPY"),
        table,
        targets=(
            Target(f"a backlog at 0.8 × raw COPY or more: {drain / raw:.2f}", drain >= 0.8 * raw),
            Target(
                f"live batches as fast as INSERT … unnest by hand, or faster: {live / by_hand:.2f}", live >= by_hand
            ),
            Target(
                f"160 ms away, a live batch takes at most 1.15 round trips: {far['trips']:.2f}", far["trips"] <= 1.15
            ),
            Target(f"160 ms away, a backlog at 30,000 rows/s or more: {far['backlog']:,.0f}", far["backlog"] >= 30_000),
        ),
        notes=(
            f"medians of {rounds} rounds of {count:,} rows of {len(NAMES)} columns, in alternation",
            f"batches of {LIVE} for live rows, INSERT and executemany, of {BACKLOG} for a backlog and COPY",
        ),
    )


def _near(server: Postgres, rows: Sequence[CommandCall], rounds: int, folder: Path) -> dict[str, list[float]]:
    dsn = server.dsn(server.create_database())
    store = open_store(dsn)
    store.prepare(timeout=30)
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(dsn, statement_cache_size=0))
    encoded = [b"".join(binary_copy.chunks(batch)) for batch in _batches(rows, BACKLOG)]
    arrays = [_arrays(batch) for batch in _batches(rows, LIVE)]
    tuples = [list(zip(*columns, strict=True)) for columns in arrays]
    file = folder / "rows.bin"
    file.write_bytes(b"".join(binary_copy.chunks(rows)))
    file.chmod(0o644)
    by_hand: str = getattr(store, "_insert")  # noqa: B009 - the same statement, sent by hand
    values = f"INSERT INTO {TABLE.quoted} ({COLUMNS}) VALUES ({', '.join(f'${n + 1}' for n in range(len(NAMES)))})"

    async def server_copy() -> None:
        await connection.execute(f"COPY {TABLE.quoted} ({COLUMNS}) FROM '{file}' (FORMAT binary)")

    async def raw() -> None:
        for data in encoded:
            await _copy(connection, data)

    async def unnest() -> None:
        statement = await connection.prepare(by_hand)
        for columns in arrays:
            await statement.fetch(*columns)

    async def executemany() -> None:
        for batch in tuples:
            await connection.executemany(values, batch)

    methods: dict[str, Callable[[], Any]] = {
        "the server alone: COPY from a file": lambda: loop.run_until_complete(server_copy()),
        "raw binary COPY, already encoded": lambda: loop.run_until_complete(raw()),
        "slashspan, a backlog": lambda: _write(store, rows, BACKLOG),
        "slashspan, live batches": lambda: _write(store, rows, LIVE),
        "INSERT … unnest by hand": lambda: loop.run_until_complete(unnest()),
        "executemany": lambda: loop.run_until_complete(executemany()),
    }
    rates: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            loop.run_until_complete(connection.execute(f"TRUNCATE {TABLE.quoted}"))
            loop.run_until_complete(connection.execute("CHECKPOINT"))
            started = time.perf_counter()
            method()
            rates[name].append(len(rows) / (time.perf_counter() - started))
    loop.run_until_complete(connection.close())
    loop.close()
    store.close(timeout=5)
    return rates


def _far(server: Postgres, rows: Sequence[CommandCall]) -> dict[str, float]:
    with proxy_process(server.port, delay=ROUND_TRIP / 2) as port:
        store = open_store(server.dsn(server.create_database(), port=port))
        try:
            return _distant(store, rows)
        finally:
            store.close(timeout=5)


def _distant(store: Any, rows: Sequence[CommandCall]) -> dict[str, float]:
    store.prepare(timeout=30)
    live = rows[: 8 * LIVE]
    seconds = []
    for batch in _batches(live, LIVE):
        started = time.perf_counter()
        store.write(batch, timeout=30)
        seconds.append(time.perf_counter() - started)
    backlog = rows[len(live) :]
    started = time.perf_counter()
    _write(store, backlog, BACKLOG)
    rate = len(backlog) / (time.perf_counter() - started)
    return {"live": LIVE / median(seconds), "trips": median(seconds) / ROUND_TRIP, "backlog": rate}


def _write(store: Any, rows: Sequence[CommandCall], size: int) -> None:
    for batch in _batches(rows, size):
        store.write(batch, timeout=60)


def _batches(rows: Sequence[CommandCall], size: int) -> list[Sequence[CommandCall]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _arrays(rows: Sequence[CommandCall]) -> list[list[Any]]:
    return [
        [as_datetime(row.called_at) for row in rows]
        if column == "called_at"
        else [getattr(row, column) for row in rows]
        for column in NAMES
    ]


async def _copy(connection: Any, data: bytes) -> None:
    async def source() -> Any:
        yield data

    await connection.copy_to_table(TABLE.name, source=source(), columns=NAMES, format="binary")
