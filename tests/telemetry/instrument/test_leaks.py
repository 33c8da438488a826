"""Nothing of a bot is kept alive by being recorded: classes, closures, cogs, loops, exceptions and what they hold."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import discord
from discord.ext import commands, tasks

from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.components import Broken
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from collections.abc import Callable

Interaction = discord.Interaction[Any]
VIEWS = 500


class Thing:
    """Something of the bot's that a closure or a frame holds."""


async def gone(refs: list[weakref.ref[Any]]) -> None:
    """Wait until all of them are collected; the loop's own references to finished tasks go with its next steps."""

    def alive() -> list[Any]:
        gc.collect()
        return [ref for ref in refs if ref() is not None]

    await until_async(lambda: not alive(), 10)


def make_view(refs: list[weakref.ref[Any]], custom_id: str) -> discord.ui.View:
    thing = Thing()

    class Confirm(discord.ui.View):
        @discord.ui.button(label="x", custom_id=custom_id)
        async def confirm(self, interaction: Interaction, _: Any) -> None:
            assert type(thing) is Thing
            await interaction.response.defer()
            self.stop()

        async def on_error(self, *_: Any) -> None:
            assert thing is not None

        async def interaction_check(self, interaction: Interaction) -> bool:
            return super() is not None

    refs += [weakref.ref(Confirm), weakref.ref(thing)]
    return Confirm(timeout=None)


async def test_view_classes_defined_in_functions_are_garbage_collected() -> None:
    refs: list[weakref.ref[Any]] = []
    bot = make_bot()
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            for number in range(VIEWS):
                bot.add_view(make_view(refs, f"confirm:{number}"))
                button = {"type": 2, "custom_id": f"confirm:{number}", "label": "x", "style": 1}
                message = standin.shown({"components": [{"type": 1, "components": [button]}]}, GUILD.channel)
                await standin.press(message, guild=GUILD)
            await until_async(lambda: len(recorded.roots) == VIEWS)
            await standin.idle()
            assert len(refs) == 2 * VIEWS
            await gone(refs)


def make_dynamic(refs: list[weakref.ref[Any]]) -> type[discord.ui.DynamicItem[Any]]:
    class Roll(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"roll:\d+"):
        def __init__(self) -> None:
            super().__init__(discord.ui.Button(label="x", custom_id="roll:1"))

        @classmethod
        async def from_custom_id(cls, interaction: Interaction, item: Any, match: Any, /) -> Any:
            return cls()

        async def callback(self, interaction: Interaction) -> None:
            refs.append(weakref.ref(self))
            await interaction.response.defer()

    refs.append(weakref.ref(Roll))
    return Roll


def make_modal(refs: list[weakref.ref[Any]]) -> discord.ui.Modal:
    class Ask(discord.ui.Modal, title="Ask"):
        answer: Any = discord.ui.TextInput(label="Answer")

        async def on_submit(self, interaction: Interaction, /) -> None:
            await interaction.response.defer()
            raise Broken

        async def on_error(self, *_: Any) -> None:
            """discord.py's logs the modal, and pytest keeps what is logged."""

    refs.append(weakref.ref(Ask))
    return Ask()


async def test_dynamic_items_and_modals_defined_in_functions_are_garbage_collected() -> None:
    refs: list[weakref.ref[Any]] = []
    bot = make_bot()

    @bot.tree.command()
    async def asks(interaction: Interaction) -> None:
        await interaction.response.send_modal(make_modal(refs))

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            bot.add_dynamic_items(make_dynamic(refs))
            button = {"type": 2, "custom_id": "roll:1", "label": "x", "style": 1}
            message = standin.shown({"components": [{"type": 1, "components": [button]}]}, GUILD.channel)
            await standin.press(message, guild=GUILD)
            opener = await standin.slash("asks", guild=GUILD)
            await opener.acknowledged()
            await standin.idle()
            await standin.submit(opener, {"Answer": "x"})
            await until_async(lambda: len(recorded.roots) == 3)
            assert len(refs) == 3
            bot._connection._view_store._dynamic_items.clear()
            bot._connection._view_store._modals.clear()
            await gone(refs)


def make_cog(refs: list[weakref.ref[Any]]) -> commands.Cog:
    thing = Thing()

    class Chores(commands.Cog):
        def __init__(self) -> None:
            self.thing = thing
            self.ran = asyncio.Event()

        async def cog_load(self) -> None:
            self.chore.start()

        async def cog_unload(self) -> None:
            self.chore.cancel()

        @tasks.loop(seconds=60)
        async def chore(self) -> None:
            self.ran.set()

        @commands.hybrid_command()  # type: ignore[arg-type]
        async def clean(self, ctx: commands.Context[Any]) -> None:
            await ctx.send("ok")

        @commands.command()
        async def breaks(self, ctx: commands.Context[Any]) -> None:
            raise Broken

    cog = Chores()
    refs += [weakref.ref(Chores), weakref.ref(cog), weakref.ref(thing)]
    return cog


async def test_reloaded_cogs_are_garbage_collected() -> None:
    refs: list[weakref.ref[Any]] = []
    bot = make_bot()
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            for number in range(10):
                cog: Any = make_cog(refs)
                await bot.add_cog(cog)
                await cog.ran.wait()
                await standin.slash("clean", guild=GUILD)
                await standin.message("!breaks", guild=GUILD, silent=True)
                await until_async(lambda count=2 * number + 2: len(recorded.roots) == count)  # type: ignore[misc]
                await bot.remove_cog("Chores")
            del cog
            await standin.message("hello", prefix=False, guild=GUILD)
            await standin.idle()
            assert len(refs) == 30
            await gone(refs)


def make_loop(refs: list[weakref.ref[Any]]) -> asyncio.Task[None]:
    thing = Thing()

    @tasks.loop(seconds=0)
    async def once() -> None:
        assert type(thing) is Thing
        once.stop()

    refs += [weakref.ref(once), weakref.ref(thing)]
    return once.start()


async def test_a_loop_that_refers_to_itself_is_garbage_collected() -> None:
    refs: list[weakref.ref[Any]] = []
    with Recorded() as recorded:
        for _ in range(20):
            await make_loop(refs)
        assert len(recorded.spans) == 20
        await gone(refs)


async def test_tasks_that_outlive_the_command_do_not_keep_its_exception() -> None:
    refs: list[weakref.ref[Any]] = []
    bot = make_bot()
    forever = asyncio.Event()
    background: list[asyncio.Task[bool]] = []

    def fails(run: Callable[..., Any]) -> Any:
        thing = Thing()
        refs.append(weakref.ref(thing))
        background.append(asyncio.create_task(forever.wait()))  # has the command's context
        raise Broken(run)

    @bot.tree.command()
    async def breaks(interaction: Interaction) -> None:
        await interaction.response.defer()
        fails(breaks.callback)

    @bot.command()
    async def p_breaks(ctx: commands.Context[Any]) -> None:
        fails(p_breaks.callback)

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await standin.slash("breaks", guild=GUILD)
            await standin.message("!p_breaks", guild=GUILD, silent=True)
            await until_async(lambda: len(recorded.roots) == 2)
            await standin.idle()
            await gone(refs)
    forever.set()
    await asyncio.gather(*background)


async def test_a_command_whose_task_is_garbage_collected_is_recorded() -> None:
    refs: list[weakref.ref[Any]] = []
    bot = make_bot()

    @bot.tree.command()
    async def lost(interaction: Interaction) -> None:
        thing = Thing()
        refs.append(weakref.ref(thing))
        await interaction.response.defer()
        await asyncio.get_running_loop().create_future()  # nothing holds it, so nothing holds the task

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await (await standin.slash("lost", guild=GUILD)).acknowledged()
            await standin.idle()
            await gone(refs)
            await until_async(lambda: recorded.roots)
    assert len(refs) == 1


async def test_a_closed_bot_is_garbage_collected() -> None:
    with Recorded() as recorded:
        refs = await run_bot()
        await gone(refs)
        assert len(recorded.roots) == 3


async def run_bot() -> list[weakref.ref[Any]]:
    bot = make_bot()
    async with running(bot, guilds=[GUILD]) as standin:
        await (await standin.slash("ok", guild=GUILD)).answered()
        await (await standin.slash("deferred_then_broken", guild=GUILD)).acknowledged()
        await (await standin.message("!p_ok", guild=GUILD)).answered()
        await standin.idle()
    return [weakref.ref(bot)]
