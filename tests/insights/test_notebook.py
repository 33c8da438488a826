"""A notebook runs its cells inside an event loop."""

from __future__ import annotations

import asyncio

import pytest

from slashspan import insights
from tests.support.rows import rows
from tests.support.stored_rows import write_rows


def test_a_summary_can_be_read_in_a_running_loop(dsn: str) -> None:
    write_rows(dsn, rows(3))

    async def cell() -> int:
        with insights.open_reader(dsn) as reader:
            return reader.run(insights.totals).rows[0].calls

    assert asyncio.run(cell()) == 3


def test_an_unreachable_server_is_a_read_error_in_a_running_loop() -> None:
    async def cell() -> None:
        insights.open_reader("postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(insights.ReadError, match="cannot be reached"):
        asyncio.run(cell())
