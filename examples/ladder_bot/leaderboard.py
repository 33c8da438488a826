"""The leaderboard's pages. Ten lines are loaded for the first answer, further ones when somebody asks for them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import discord

import slashspan
from ladder_bot.ladder import PAGE, Page
from ladder_bot.reply import Reply, answer_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ladder_bot.ladder import Ladder, Line

VIEW_SECONDS: Final = 5 * 60.0
"""The buttons are disabled after this long without use; Discord lets the message be edited for 15 minutes."""


class Pages(Protocol):
    """A source of pages."""

    async def first(self) -> Page: ...

    async def after(self, page: Page) -> Page: ...

    async def before(self, page: Page) -> Page: ...


class LazyPages:
    """Loads each page when it is asked for."""

    def __init__(self, ladder: Ladder, mode: str) -> None:
        self._ladder = ladder
        self._mode = mode

    async def first(self) -> Page:
        return await self._ladder.first_page(self._mode)

    async def after(self, page: Page) -> Page:
        return await self._ladder.page_after(self._mode, page.lines[-1])

    async def before(self, page: Page) -> Page:
        return await self._ladder.page_before(self._mode, page.lines[0])


class EagerPages:
    """All lines, loaded at once. Kept to measure what loading them costs."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    async def first(self) -> Page:
        return self._page(0)

    async def after(self, page: Page) -> Page:
        return self._page(page.lines[-1].place)

    async def before(self, page: Page) -> Page:
        return self._page(max(0, page.lines[0].place - 1 - PAGE))

    def _page(self, start: int) -> Page:
        end = start + PAGE
        return Page(self._lines[start:end], start > 0, end < len(self._lines))


class LeaderboardView(discord.ui.View):
    """The buttons that page through one user's leaderboard."""

    def __init__(self, pages: Pages, page: Page, interaction: discord.Interaction) -> None:
        super().__init__(timeout=VIEW_SECONDS)
        self._pages = pages
        self._user_id = interaction.user.id
        self._newest = interaction
        self._turning = asyncio.Lock()
        self._show(page)

    def _show(self, page: Page) -> None:
        self._page = page
        self.previous.disabled = not page.above
        self.next.disabled = not page.below

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.user.id == self._user_id:
            return True
        await interaction.response.send_message("Get your own pages with `/leaderboard`.", ephemeral=True)
        return False

    @discord.ui.button(label="Previous page")
    async def previous(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        await self._turn(interaction, forwards=False)

    @discord.ui.button(label="Next page")
    async def next(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        await self._turn(interaction, forwards=True)

    async def _turn(self, interaction: discord.Interaction, *, forwards: bool) -> None:
        reply = Reply.to(interaction, edits=True)
        async with self._turning:  # two quick presses move two pages
            if self._page.lines and (self._page.below if forwards else self._page.above):
                page = await (self._pages.after if forwards else self._pages.before)(self._page)
                slashspan.checkpoint("rows_fetched")
                self._show(page)
            self._newest = interaction
            await reply.edit(text_of(self._page), view=self)

    async def on_timeout(self) -> None:
        self.previous.disabled = self.next.disabled = True
        with contextlib.suppress(discord.HTTPException):  # the message may be gone
            await self._newest.edit_original_response(view=self)

    async def on_error(self, interaction: discord.Interaction, error: Exception, _: discord.ui.Item[Any]) -> None:
        await answer_error(interaction, error)


def text_of(page: Page, *, lines: int = PAGE) -> str:
    escaped = discord.utils.escape_markdown
    shown = [
        f"{each.place}. {each.rating}  {escaped(each.name)} {escaped(each.country)}" for each in page.lines[:lines]
    ]
    return "\n".join(line.rstrip() for line in shown) or "Nobody."
