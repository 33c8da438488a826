"""Readers of one page keep the sums that they have read together."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.readers import connector
from slashspan.insights.sums import open_sums
from slashspan.insights.sums.reader import SummedReader
from tests.support.stored_rows import write_rows
from tests.support.sums import calls
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

EVER = Filters(kinds=("slash", "prefix"))


async def test_what_one_reader_has_read_no_other_one_reads_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    await asyncio.to_thread(write_rows, dsn, calls(300, 1))
    with open_sums(dsn) as sums:
        sums.install("UTC")
        sums.refresh()
    asked: Counter[str] = Counter()
    connect = connector(dsn)
    async with connect() as one, connect() as other, connect() as third:
        for reader in (one, other, third):
            assert isinstance(reader, SummedReader)
            _count(reader, asked, monkeypatch)
        found = await asyncio.gather(*(insights.totals(reader, EVER) for reader in (one, other)))
        assert asked["sum_documents"] == 1
        assert found[0].rows == found[1].rows == (await insights.totals(third, EVER)).rows
        assert asked["sum_documents"] == 1
        await asyncio.to_thread(execute, dsn, "DELETE FROM command_calls WHERE id = 9")
        with open_sums(dsn) as sums:
            sums.refresh()
        again = [(await insights.totals(reader, EVER)).rows[0] for reader in (one, other)]
        assert again[0] == again[1]
        assert asked["sum_documents"] == 2


def _count(reader: SummedReader, asked: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    query = reader._reader.query

    async def counted(name: str, *arguments: Any, **values: Any) -> Any:
        asked[name] += 1
        return await query(name, *arguments, **values)

    monkeypatch.setattr(reader._reader, "query", counted)
