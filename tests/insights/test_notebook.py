"""A notebook's cell runs inside an event loop."""

from __future__ import annotations

import asyncio

import pytest

import insights
from tests.support.rows import rows
from tests.support.stored_rows import write_rows


def test_a_summary_is_read_where_an_event_loop_is_running(dsn: str) -> None:
    write_rows(dsn, rows(3))

    async def cell() -> int:
        with insights.open_reader(dsn) as reader:
            return insights.summary(reader).calls

    assert asyncio.run(cell()) == 3


def test_a_server_that_cannot_be_reached_is_a_read_error_there_too() -> None:
    async def cell() -> None:
        insights.open_reader("postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(insights.ReadError, match="cannot be reached"):
        asyncio.run(cell())
