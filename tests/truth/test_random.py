"""The same cases, thousands of times, in any order and overlap: what is recorded does not depend on either."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.actions.bot import make_bot
from tests.support.actions.cases import ALL, GUILD, Case
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.stored_rows import read_rows
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from discord_standin import Action, StandIn

    from tests.support.postgres import Postgres

RUNS, ACTIONS = 2, 250
"""For each concurrency."""
# The outcome of a cooldown shared by all users depends on the order.
# On a machine that is seconds late, an answer by somebody else than the handler comes after Discord's deadline.
STATELESS = [case for case in ALL if "cooling" not in case.name and not case.answered_late]


async def play(order: list[Case], concurrency: int, *dsns: str) -> list[tuple[Case, Action]]:
    """Send them in that order, `concurrency` at a time."""
    sent: list[tuple[Case, Action]] = []
    slots = asyncio.Semaphore(concurrency)

    async def one(standin: StandIn, case: Case) -> None:
        async with slots:
            sent.append((case, await case.do(standin, case.user)))

    with Recorded(*dsns) as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await asyncio.gather(*(one(standin, case) for case in order))
            await until_async(lambda: len(recorded.roots) >= len(standin.ledger.actions))
    return sent


@settings(
    max_examples=RUNS,
    phases=[Phase.generate],  # an example takes seconds, so failing ones are not shrunk
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("concurrency", [1, 7, 50, 500])
def test_rows_are_right_in_any_order_and_overlap(
    concurrency: int, seed: int, server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = server.create_database()
    dsns = [f"sqlite:///{tmp_path_factory.mktemp('random') / 'random.db'}", server.dsn(database)]
    order = random.Random(seed).choices(STATELESS, k=ACTIONS)
    sent = asyncio.run(play(order, concurrency, *dsns))
    assert len(sent) == ACTIONS
    for dsn in dsns:
        found: dict[int, list[dict[str, Any]]] = {}
        for row in read_rows(dsn):
            found.setdefault(row["interaction_id"], []).append(row)
        for case, action in sent:
            (row,) = found[action.id]
            recorded = (row["kind"], row["command"], row["outcome"], row["error_type"], row["discord_uid"])
            assert recorded == (case.kind, case.command, case.outcome, case.error_type, case.user.id), case.name
            assert (row["ack_ms"] is not None) == (action.ack is not None and case.kind != "prefix"), case.name
            assert row["rate_limited_ms"] >= case.limited_ms, case.name
    server.drop_database(database)
