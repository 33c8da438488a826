"""What the page says about recording: of the last hour, and about the sums."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from slashspan import insights
from slashspan.insights.dashboard.recording import NONE, sums_in_words
from slashspan.insights.sums import open_sums
from tests.support.dashboards import served
from tests.support.rows import sample
from tests.support.stored_rows import write_rows
from tests.support.sums import calls
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def values(dsn: str, query: str = "") -> dict[str, str]:
    async with served(dsn) as client:
        text = await (await client.get(f"/recording{query}")).text()
    return dict(re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', text))


async def test_the_rows_of_the_last_hour_are_counted_whatever_the_filters(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    now = int(datetime.now(timezone.utc).timestamp() * 1e6)
    rows = sample(5, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.outcome, row.called_at = ("slash", "component")[number % 2], "ok", now - number
    rows[3].called_at -= 1_800_000_000
    rows[4].called_at -= 86_400_000_000
    write_rows(dsn, rows)
    found = await values(dsn, "?command=nobody")
    assert found["Rows in the last hour"] == "4"
    assert found["Later than a minute"] == "1"
    assert found["Stored within"].endswith("min for all")
    assert float(found["Rows in a batch"]) >= 1
    assert found["Sums"] == "none: all rows are read. <code>slashspan rollup build</code> makes them"


async def test_without_rows_there_are_dashes(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, [])
    found = await values(dsn)
    assert found["Rows in the last hour"] == "0"
    assert found["Rows in a batch"] == "–"
    assert found["Stored within"] == "– for half of them, – for all"


async def test_the_state_of_the_sums_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"

    async def said() -> str:
        async with insights.connect(dsn) as reader:
            return await sums_in_words(reader)

    await asyncio.to_thread(write_rows, dsn, calls(60, 1))
    assert await said() == NONE
    with open_sums(dsn) as sums:
        sums.install("Europe/Berlin")
        sums.refresh()
    assert await said() == "days in Europe/Berlin, up to date"
    await asyncio.to_thread(write_rows, dsn, calls(7, 2))
    assert await said() == "days in Europe/Berlin; 7 newer rows are read beside them"
    await asyncio.to_thread(execute, dsn, "DELETE FROM command_calls WHERE id = 9")
    assert await said() == "days in Europe/Berlin; 7 newer rows and 1 changed hour are read beside them"
    monkeypatch.setattr("slashspan.insights.sums.snapshot.NEW_ROWS", 5)
    assert await said() == "days in Europe/Berlin; too much has changed since: all rows are read"
