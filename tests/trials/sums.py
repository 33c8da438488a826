"""Change the rows in every way at once, while others refresh the sums; each snapshot must equal the rows in it.

`make trial-sums ROUNDS=500` does it for longer than the suite.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slashspan import insights
from slashspan.exporters.admin.prune import forget_user, prune
from slashspan.exporters.stores.errors import StoreUnavailable
from slashspan.exporters.stores.factory import open_store
from slashspan.insights import Filters, ReadError
from slashspan.insights.sums import open_sums
from slashspan.insights.sums.reader import SummedReader
from tests.support.postgres import in_own_loop, postgres
from tests.support.sums import calls, compare
from tests.support.tables import execute

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = "command_calls"
KINDS = ("slash", "prefix", "component")
DAYS = 5


@dataclass(slots=True)
class Result:
    """What the snapshots showed."""

    snapshots: int = 0
    from_sums: int = 0
    wrong: list[str] = field(default_factory=list)


def trial(dsn: str, snapshots: int, seed: int, on_snapshot: Callable[[], None] = lambda: None) -> Result:
    """Compare that many snapshots that the sums answer, and those in between that they do not, because too much has
    changed; while two write, one deletes, forgets and prunes, and two refresh."""
    first = datetime.now(timezone.utc) - timedelta(days=DAYS)
    stop = threading.Event()
    _write(dsn, seed, 500, first)
    with open_sums(dsn) as sums:
        sums.install("Europe/Berlin")
        sums.refresh()
    result = Result()
    with ThreadPoolExecutor(5) as threads:
        running = [threads.submit(_writes, dsn, seed + 1 + n, first, stop) for n in range(2)]
        running.append(threads.submit(_deletes, dsn, seed, first, stop))
        running += [threads.submit(_refreshes, dsn, stop) for _ in range(2)]
        try:
            in_own_loop(_snapshots(dsn, snapshots, seed, result, on_snapshot))
        finally:
            stop.set()
        for each in running:
            each.result()
    with open_sums(dsn) as sums:
        sums.refresh()
        result.wrong += sums.verify()
    return result


async def _snapshots(dsn: str, count: int, seed: int, result: Result, on_snapshot: Callable[[], None]) -> None:
    dice = random.Random(seed)
    async with insights.connect(dsn) as reader:
        assert isinstance(reader, SummedReader)
        while result.from_sums < count:
            since = datetime.now(timezone.utc) - timedelta(hours=dice.uniform(1, DAYS * 24 + 10))
            zone = dice.choice(["Europe/Berlin", "America/New_York"])
            used, wrong = await compare(reader, Filters(zone=zone, since=dice.choice([None, since]), kinds=KINDS))
            result.snapshots += 1
            result.from_sums += used
            result.wrong += wrong
            if used:
                on_snapshot()


def _write(dsn: str, seed: int, count: int, first: datetime) -> None:
    store = open_store(dsn)
    try:
        store.write(calls(count, seed, days=DAYS, first=first), timeout=60)
    finally:
        store.close(timeout=5)


def _writes(dsn: str, seed: int, first: datetime, stop: threading.Event) -> None:
    """New rows, some of them late, and now and then a batch again."""
    dice = random.Random(seed)
    store = open_store(dsn)
    number = 0
    try:
        while not stop.wait(0.01):
            number += 1
            days, most = dice.choice([(0.02, 40), (0.02, 40), (0.02, 40), (DAYS, 3)])
            rows = calls(dice.randint(1, most), seed * 1000 + number, days=days, first=first + timedelta(DAYS - days))
            for _ in range(dice.choice([1, 1, 2])):
                with contextlib.suppress(StoreUnavailable):  # SQLite's lock: the next batch follows
                    store.write(rows, timeout=60)
    finally:
        store.close(timeout=5)


def _deletes(dsn: str, seed: int, first: datetime, stop: threading.Event) -> None:
    dice = random.Random(seed)
    any_row = f"SELECT id FROM {TABLE} WHERE id % 97 = {{0}} LIMIT 3"
    while not stop.wait(0.05):
        number = dice.randrange(97)
        what = dice.randrange(5)
        with contextlib.suppress(StoreUnavailable):
            if what == 0:
                forget_user(dsn, TABLE, [dice.randrange(1, 30)])
            elif what == 1:
                prune(dsn, TABLE, first + timedelta(minutes=dice.randrange(600)))
            elif what == 2:
                sql = f"UPDATE {TABLE} SET outcome = 'cancelled', discord_uid = 7"
                execute(dsn, f"{sql} WHERE id IN ({any_row.format(number)})", "SELECT 1")
            else:
                execute(dsn, f"DELETE FROM {TABLE} WHERE id IN ({any_row.format(number)})", "SELECT 1")


def _refreshes(dsn: str, stop: threading.Event) -> None:
    with open_sums(dsn) as sums:
        while not stop.wait(0.02):
            with contextlib.suppress(ReadError):  # SQLite's lock: the next round follows
                sums.refresh()
                sums.collect()


@click.command()
@click.option("--rounds", default=500, show_default=True, help="Snapshots of each store that the sums answer.")
@click.option("--seed", default=None, type=int, help="A new one each time by default.")
def main(rounds: int, seed: int | None) -> None:
    """Compare sums and rows in many snapshots, while rows are written, changed and deleted and the sums refreshed."""
    seed = random.randrange(2**32) if seed is None else seed
    click.echo(f"seed {seed}")
    failed = False
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        stores = {
            "SQLite": f"sqlite:///{Path(folder) / 'command_calls.db'}",
            "PostgreSQL": server.dsn(server.create_database()),
        }
        for name, dsn in stores.items():
            with click.progressbar(length=rounds, label=name) as bar:
                result = trial(dsn, rounds, seed, lambda bar=bar: bar.update(1))  # type: ignore[misc]
            said = f"WRONG: {'; '.join(result.wrong[:5])}" if result.wrong else "all equal the rows"
            click.echo(f"{name}: {result.snapshots} snapshots, {result.from_sums} of them from sums: {said}")
            failed |= bool(result.wrong)
    sys.exit(failed)


if __name__ == "__main__":
    main()
