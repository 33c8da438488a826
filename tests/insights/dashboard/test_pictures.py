"""PNG of the page's charts: drawn once, one after the other, and not without bound."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from slashspan.insights.charts.drawing import Drawing
from slashspan.insights.dashboard import pictures
from slashspan.insights.dashboard.pictures import Pictures, TooManyError
from tests.support.dashboards import served
from tests.support.history import NOW, store_history
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from pathlib import Path


class Artist:
    """Draws when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn: list[str] = []
        self.at_once = self.most = 0
        self.may = asyncio.Event()
        monkeypatch.setattr(pictures, "png_in_process", self._png)

    async def _png(self, drawing: Drawing) -> bytes | None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.may.wait()
        self.at_once -= 1
        self.drawn.append(drawing.sentence)
        return drawing.sentence.encode() or None


def of(sentence: str) -> Drawing:
    return Drawing(sentence, {"mark": "bar"})


async def test_a_chart_of_the_page_is_a_png_with_its_name(tmp_path: Path) -> None:
    dsn = store_history(tmp_path / "calls.db", days=2)
    period = f"since=2026-11-18&until={NOW:%Y-%m-%dT%H:%M}Z"
    async with served(dsn) as client:
        answer = await client.get(f"/pictures/commands.png?{period}")
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert (await answer.read()).startswith(b"\x89PNG\r\n")
        assert answer.content_disposition is not None
        assert answer.content_disposition.filename == "commands.png"
        nothing = await client.get("/pictures/commands.png?since=2020-01-01&until=2020-01-02")
        assert nothing.status == 404
        assert "there is nothing to draw" in await nothing.text()


async def test_the_same_drawing_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    artist, kept = Artist(monkeypatch), Pictures()
    waiting = [asyncio.ensure_future(kept.png(of(name))) for name in ("a", "b", "a", "b", "a")]
    await until_async(lambda: artist.at_once)
    artist.may.set()
    found = await asyncio.gather(*waiting)
    assert found == [b"a", b"b", b"a", b"b", b"a"]
    assert await kept.png(of("a")) == b"a"
    assert artist.drawn == ["a", "b"]
    assert artist.most == 1


async def test_only_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    artist, kept = Artist(monkeypatch), Pictures()
    artist.may.set()
    monkeypatch.setattr(pictures, "KEPT", 2)
    for name in ("a", "b", "a", "c", "a", "b"):
        await kept.png(of(name))
    assert artist.drawn == ["a", "b", "c", "b"]


async def test_whoever_comes_when_many_are_waiting_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    artist, kept = Artist(monkeypatch), Pictures()
    monkeypatch.setattr(pictures, "WAITING", 2)
    waiting = [asyncio.ensure_future(kept.png(of(name))) for name in "ab"]
    await until_async(lambda: artist.at_once)
    with pytest.raises(TooManyError, match="Try again"):
        await kept.png(of("c"))
    artist.may.set()
    assert await asyncio.gather(*waiting) == [b"a", b"b"]
    assert await kept.png(of("c")) == b"c"


async def test_what_could_not_be_drawn_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    artist, kept = Artist(monkeypatch), Pictures()
    artist.may.set()
    assert await kept.png(of("")) is None
    assert await kept.png(of("")) is None
    assert len(artist.drawn) == 2
