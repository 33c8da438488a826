"""Presses buttons of a view and returns what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from slashspan import semconv
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.components import Broken
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from discord.ext import commands

BROKEN = f"{Broken.__module__}.{Broken.__qualname__}"


def with_setup(bot: commands.Bot, setup: Any) -> commands.Bot:
    """The same bot, which calls `setup` with itself before it connects."""
    before = bot.setup_hook

    async def setup_hook() -> None:
        await before()
        setup(bot)

    bot.setup_hook = setup_hook  # type: ignore[method-assign]
    return bot


async def pressed(view: Any, *custom_ids: str) -> list[dict[str, Any]]:
    """What is recorded when these buttons are pressed, in this order."""
    found: list[dict[str, Any]] = []
    bot = with_setup(make_bot(), lambda bot: bot.add_view(view()))
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            for custom_id in custom_ids:
                action = await standin.press(standin.shown(row_of(custom_id), GUILD.channel), guild=GUILD)
                await until_async(lambda: len(recorded.roots) == len(found) + 1)
                span = recorded.roots[-1]
                assert (span.attributes or {})[semconv.INTERACTION_ID] == str(action.id)
                found.append(dict(span.attributes or {}))
    everything = "".join(span.to_json() for span in recorded.spans)
    assert not any(custom_id in everything for custom_id in custom_ids)
    return found


def row_of(custom_id: str) -> dict[str, Any]:
    """The contents of a message with one button."""
    button = {"type": 2, "custom_id": custom_id, "label": "x", "style": 1}
    return {"components": [{"type": 1, "components": [button]}]}


def ending(attributes: dict[str, Any]) -> tuple[str, str, str | None]:
    """Command, outcome and error type."""
    return (
        attributes[semconv.COMMAND_NAME],
        attributes[semconv.OUTCOME],
        attributes.get(semconv.ERROR_TYPE),
    )


class Plain(discord.ui.View):
    """A button that breaks."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="x", custom_id="breaks")
    async def press(self, interaction: discord.Interaction[Any], _: Any) -> None:
        await interaction.response.defer()
        raise Broken
