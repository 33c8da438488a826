"""Views that run, cancel or observe the tasks of their items themselves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord

from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.components import Broken
from tests.support.actions.play import Recorded
from tests.support.actions.pressing import BROKEN, Plain, ending, pressed, row_of, with_setup
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from discord.ext import commands

Interaction = discord.Interaction[Any]


class OwnTask(Plain):
    """A view that runs its items itself."""

    async def _scheduled_task(self, item: Any, interaction: Interaction) -> None:
        assert type(self) is OwnTask
        try:
            if await self.interaction_check(interaction):
                await item.callback(interaction)
        except Exception as error:
            await self.on_error(interaction, error, item)

    async def on_error(self, interaction: Interaction, error: Exception, item: Any) -> None:
        assert item in self.children

    @discord.ui.button(label="x", custom_id="id-of-works")
    async def works(self, interaction: Interaction, _: Any) -> None:
        await interaction.response.send_message("ok")


async def test_a_view_that_overrides_its_task_is_recorded() -> None:
    views: list[OwnTask] = []

    def view() -> OwnTask:
        views.append(OwnTask())
        return views[0]

    broken, works = await pressed(view, "breaks", "id-of-works")
    assert ending(broken) == ("OwnTask.press", "error", BROKEN)
    assert ending(works) == ("OwnTask.works", "ok", None)
    assert {"on_error", "interaction_check"}.isdisjoint(vars(views[0]))


class ThroughSuper(Plain):
    async def _scheduled_task(self, item: Any, interaction: Interaction) -> None:
        await super()._scheduled_task(item, interaction)

    async def on_error(self, *arguments: Any) -> None:
        await super().on_error(*arguments)


async def test_a_view_that_overrides_its_task_and_calls_the_original_is_recorded_once() -> None:
    (attributes,) = await pressed(ThroughSuper, "breaks")
    assert ending(attributes) == ("ThroughSuper.press", "error", BROKEN)


async def test_simultaneous_presses_of_one_view_are_recorded_separately() -> None:
    arrived: list[str] = []
    met = asyncio.Event()

    async def meet(name: str) -> None:
        arrived.append(name)
        if len(arrived) == 2:
            met.set()
        await met.wait()

    class Together(OwnTask):
        async def _scheduled_task(self, item: Any, interaction: Interaction) -> None:
            try:
                await item.callback(interaction)
            except Broken as error:
                await self.on_error(interaction, error, item)

        @discord.ui.button(label="x", custom_id="one")
        async def one(self, interaction: Interaction, _: Any) -> None:
            await interaction.response.defer()
            await meet("one")
            raise Broken

        @discord.ui.button(label="x", custom_id="two")
        async def two(self, interaction: Interaction, _: Any) -> None:
            await interaction.response.defer()
            await meet("two")

    bot = with_setup(make_bot(), lambda bot: bot.add_view(Together()))
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            for custom_id in ("one", "two"):
                await standin.press(standin.shown(row_of(custom_id), GUILD.channel), guild=GUILD)
            await until_async(lambda: len(recorded.roots) == 2)
    endings = {ending(dict(span.attributes or {})) for span in recorded.roots}
    assert endings == {("Together.one", "error", BROKEN), ("Together.two", "ok", None)}


async def test_a_view_cannot_tell_that_it_is_observed() -> None:
    before = dict(vars(Plain))
    seen: list[Any] = []

    class Looking(Plain):
        async def on_error(self, interaction: Interaction, error: Exception, item: Any) -> None:
            seen.extend([type(self), item.view is self, item in self.children, set(vars(self)) - own])

    own: set[str] = set()

    def view() -> Looking:
        made = Looking()
        own.update(vars(made))
        return made

    methods = dict(vars(Looking))
    await pressed(view, "breaks")
    assert seen == [Looking, True, True, set()]
    assert dict(vars(Plain)) == before
    assert dict(vars(Looking)) == methods


async def test_a_task_that_is_cancelled_before_its_first_step_ends_its_action() -> None:
    def cancels(bot: commands.Bot) -> None:
        bot.add_view(Cancelled())

    class Cancelled(Plain):
        def _dispatch_item(self, item: Any, interaction: Interaction) -> Any:
            task = super()._dispatch_item(item, interaction)
            if task is not None:  # 2.6 and newer
                task.cancel()
            return task

    with Recorded() as recorded:
        async with running(with_setup(make_bot(), cancels), guilds=[GUILD]) as standin:
            await standin.press(standin.shown(row_of("breaks"), GUILD.channel), guild=GUILD)
            await until_async(lambda: recorded.roots)
    name, outcome, _ = ending(dict(recorded.roots[0].attributes or {}))
    assert name == "Cancelled.press"
    assert outcome == ("cancelled" if hasattr(discord.ui, "LayoutView") else "error")
