"""Compares what the sums answer with what the rows say, in one snapshot of both."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.reports.latency import HISTOGRAM_BIN
from slashspan.insights.sums.histograms import ACCURACY
from slashspan.insights.sums.reader import QUERIES, SummedReader
from tests.support.postgres import in_own_loop
from tests.support.rows import FULL
from tests.support.stored_rows import as_utc

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.insights.readers.base import Reader

BEGIN: Final = datetime(2026, 9, 20, tzinfo=timezone.utc)
DAYS: Final = 60
"""With the change of clocks in Berlin and New York."""
IN_THE_MIDDLE: Final = Filters(
    zone="Europe/Berlin",
    since=datetime(2026, 10, 1, 3, 17, 12, 5, tzinfo=timezone.utc),
    until=datetime(2026, 11, 5, 1, 59, 59, tzinfo=timezone.utc),
)
DST_DAYS: Final = Filters(
    zone="Europe/Berlin",
    since=datetime(2026, 10, 23, 22, tzinfo=timezone.utc),
    until=datetime(2026, 10, 25, 23, tzinfo=timezone.utc),
)
EVER: Final = [Filters(zone="Europe/Berlin", kinds=("slash", "prefix", "component"))]
PERIODS: Final = [
    *EVER,
    IN_THE_MIDDLE,
    replace(IN_THE_MIDDLE, zone="America/New_York"),  # its days have no documents
    DST_DAYS,
    Filters(zone="Europe/Berlin", commands=("play", "it's"), environments=("prod",)),
    Filters(zone="Europe/Berlin", releases=("1.0", "1.1"), bots=("7", "b")),
]
UNSUMMED: Final = [
    Filters(guilds=(1,)),
    Filters(users=(5, 7)),
    Filters(zone="Asia/Kathmandu"),
    Filters(environments=("",)),
]
"""Filters that the sums do not tell apart, or zones whose hours are others."""
EVERY: Final = QUERIES - {"release_places"}
"""What is asked; which places are asked for is the report's business."""
PARTS: Final = frozenset(("totals", "arrival", "hours", "durations", "acknowledgements", "error_types", "user_days"))
"""Queries that together read all parts of the sums, of hours and of days. `EVERY` other one is answered from these."""
_RANKS: Final = ("durations", "acks", "ranks")
_BUCKETS: Final = dict.fromkeys(("calls", "arrival", "trend"), ("day", "hour_start"))


def calls(count: int, seed: int, *, days: float = DAYS, first: datetime = BEGIN) -> list[CommandCall]:
    """That many different rows, at any time of these days, also at the very end of an hour."""
    dice = random.Random(seed)
    start = int(first.timestamp())

    def one(number: int) -> CommandCall:
        second = start + dice.randrange(int(days * 86_400))
        if dice.random() < 0.1:
            second += 3599 - second % 3600
        return replace(
            FULL,
            called_at=second * 1_000_000 + dice.choice([0, 123, 999_600, 999_999]),
            span_id=seed * 10**6 + number,
            discord_uid=dice.randrange(30),
            guild_id=dice.choice([None, 1, 2]),
            command=dice.choice(["play", "it's", ""]),
            kind=dice.choice(["slash", "prefix", "component"]),
            outcome=dice.choices(["ok", "error", "rejected", "expired"], [6, 2, 1, 1])[0],
            error_type=dice.choice([None, None, "KeyError"]),
            duration_ms=dice.choice([None, 0.0, dice.lognormvariate(3, 2)]),
            ack_ms=dice.choice([None, dice.lognormvariate(7, 1)]),
            gateway_delay_ms=dice.choice([None, dice.gauss(20, 50)]),
            service_version=dice.choice([None, "1.0", "1.1"]),
            environment=dice.choice([None, "prod"]),
            service_name=dice.choice(["a", "b"]),
            application_id=dice.choice([None, 7]),
        )

    return [one(number) for number in range(count)]


def check(
    dsn: str, filters: Iterable[Filters], *, summed: bool | None = True, queries: AbstractSet[str] = PARTS
) -> None:
    """Assert that the answers equal the rows', and were made from sums if `summed` (None: either is right)."""

    async def run() -> None:
        async with insights.connect(dsn) as reader:
            assert isinstance(reader, SummedReader)
            for each in filters:
                used, wrong = await compare(reader, each, queries)
                assert not wrong, (each, wrong)
                assert summed is None or used is summed, f"{each}: sums used is {used}"

    in_own_loop(run())


async def compare(reader: SummedReader, filters: Filters, queries: AbstractSet[str] = EVERY) -> tuple[bool, list[str]]:
    """Whether the sums were used for all queries, and how their answers differ from the rows'."""
    wrong = []
    async with reader.snapshot():
        for name in sorted(queries):
            for bucket in _BUCKETS.get(name, ("",)):
                expressions = {"bucket": bucket, "bin": HISTOGRAM_BIN}
                actual = await reader.query(name, filters, expressions)
                expected = await reader._reader.query(name, filters, expressions)
                if text := _difference(name, expected, actual):
                    wrong.append(f"{name} {bucket}: {text}")
        if "releases" in queries:
            verdicts, expected_verdicts = [await _verdicts(each, filters) for each in (reader, reader._reader)]
            if verdicts != expected_verdicts:
                wrong.append(f"releases: the rows say {expected_verdicts}, the sums {verdicts}")
        used = bool(reader._periods) and all(period is not None for period in reader._periods.values())
    return used, wrong


async def _verdicts(reader: Reader, filters: Filters) -> list[tuple[Any, ...]]:
    rows = (await insights.releases(reader, filters)).rows
    return [(row.release, row.p95_low_ms, row.p95_high_ms, row.error_verdict, row.p95_verdict) for row in rows]


def _difference(name: str, expected: list[dict[str, Any]], actual: list[dict[str, Any]]) -> str:
    if name == "user_days":  # longer gaps are not told apart
        expected, actual = _by_gap(expected), _by_gap(actual)
    if name == "hours" and expected and actual:  # only the first and the last call of all matter
        edges = [
            (min(as_utc(row["first_at"]) for row in rows), max(as_utc(row["last_at"]) for row in rows))
            for rows in (expected, actual)
        ]
        if edges[0] != edges[1]:
            return f"from {edges[0]} to {edges[1]}"
        expected = [{key: row[key] for key in ("weekday", "hour", "calls")} for row in expected]
    names = [key for row in expected[:1] for key in row]
    exact = [_exact(rows, names) for rows in (expected, actual)]
    if sorted(exact[0], key=repr) != sorted(exact[1], key=repr):
        lacking = [row for row in exact[0] if row not in exact[1]][:2]
        return f"the rows say {lacking}, the sums {[row for row in exact[1] if row not in exact[0]][:2]}"
    for key in names:
        if key in _RANKS:
            pairs = zip(*(_sorted(rows, names) for rows in (expected, actual)), strict=True)
            if far := [(a[key], b[key]) for a, b in pairs if not _near(a[key], b[key])]:
                return f"{key}: {far[:2]}"
    return ""


def _exact(rows: list[dict[str, Any]], names: list[str]) -> list[tuple[Any, ...]]:
    return [tuple(_plain(key, row[key]) for key in names if key not in _RANKS) for row in rows]


def _plain(key: str, value: Any) -> Any:
    if key.endswith("_at") and value is not None:
        return as_utc(value)
    return value or 0 if isinstance(value, int) or value is None else value


def _sorted(rows: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: repr(_exact([row], names)))


def _near(a: Any, b: Any) -> bool:
    a, b = (json.loads(each) if isinstance(each, str) else each or None for each in (a, b))  # ClickHouse: []
    if a is None or b is None:
        return a is b
    return all(math.isclose(x, y, rel_tol=ACCURACY * 1.01, abs_tol=1e-6) for x, y in zip(a, b, strict=True))


def _by_gap(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[int, int | None], int] = {}
    for row in rows:
        key = (row["day"], None if row["gap"] is None else min(row["gap"], 31))
        found[key] = found.get(key, 0) + row["users"]
    return [{"day": day, "gap": gap, "users": users} for (day, gap), users in found.items()]
