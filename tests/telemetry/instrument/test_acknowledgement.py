"""Every acknowledgement counts, even after the handler has ended; the duration is that of the handler."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord.ext import commands

from slashspan import semconv
from slashspan.telemetry.instrument.recorder import ACK_SECONDS
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.components import Broken
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

Interaction = discord.Interaction[Any]


def of(spans: list[ReadableSpan], kind: str) -> ReadableSpan:
    (span,) = [span for span in spans if (span.attributes or {})[semconv.KIND] == kind]
    return span


def milliseconds(span: ReadableSpan) -> float:
    return ((span.end_time or 0) - (span.start_time or 0)) / 1e6


async def test_a_hybrid_whose_error_is_answered_by_on_command_error_is_acknowledged() -> None:
    bot = make_bot()
    handler_ended = asyncio.Event()

    @bot.hybrid_command()
    async def fails(ctx: commands.Context[Any]) -> None:
        raise Broken

    async def on_command_error(ctx: commands.Context[Any], error: commands.CommandError) -> None:
        await asyncio.sleep(0.05)
        await ctx.send("sorry")
        handler_ended.set()

    bot.on_command_error = on_command_error  # type: ignore[method-assign]
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await (await standin.slash("fails", guild=GUILD)).answered()
            await until_async(lambda: recorded.roots)
    (span,) = recorded.roots
    attributes: dict[str, Any] = dict(span.attributes or {})
    assert attributes[semconv.OUTCOME] == "error"
    assert attributes[semconv.ACK_KIND] == "message"
    assert attributes[semconv.ACK_MS] >= 50 > milliseconds(span)


class Ask(discord.ui.Modal, title="Ask"):
    answer: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Answer")
    interaction: Interaction

    async def on_submit(self, interaction: Interaction, /) -> None:
        self.interaction = interaction


async def test_a_modal_that_is_answered_by_the_command_that_waited_for_it_is_acknowledged() -> None:
    bot = make_bot()

    @bot.tree.command()
    async def asks(interaction: Interaction) -> None:
        modal = Ask()
        await interaction.response.send_modal(modal)
        await modal.wait()
        await modal.interaction.response.send_message("thanks")

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            opener = await standin.slash("asks", guild=GUILD)
            await opener.acknowledged()
            await standin.idle()
            await (await standin.submit(opener, {"Answer": "x"})).answered()
            await until_async(lambda: len(recorded.roots) == 2)
    attributes = dict(of(recorded.roots, "modal").attributes or {})
    assert attributes[semconv.OUTCOME] == "ok"
    assert attributes[semconv.ACK_KIND] == "message"


class Choose(discord.ui.View):
    interaction: Interaction

    @discord.ui.button(label="this", custom_id="this")
    async def this(self, interaction: Interaction, _: Any) -> None:
        self.interaction = interaction
        self.stop()


@pytest.mark.parametrize("late", [False, True])
async def test_a_view_that_is_answered_by_the_command_that_waited_for_it_is_acknowledged(late: bool) -> None:
    from discord_standin import Fault

    bot = make_bot()

    @bot.tree.command()
    async def chooses(interaction: Interaction) -> None:
        view = Choose(timeout=None)
        bot.add_view(view)
        await interaction.response.send_message("this?", view=view)
        await view.wait()
        await view.interaction.response.edit_message(content="this")

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            opener = await standin.slash("chooses", guild=GUILD)
            await opener.answered()
            await standin.idle()
            faults = [Fault.expired()] if late else []
            await standin.press(opener, faults=faults)
            await until_async(lambda: len(recorded.roots) == 2)
    span = of(recorded.roots, "component")
    attributes = dict(span.attributes or {})
    assert attributes[semconv.COMMAND_NAME] == "Choose.this"
    assert attributes[semconv.OUTCOME] == ("expired" if late else "ok")
    assert attributes.get(semconv.ACK_KIND) == (None if late else "update")
    assert milliseconds(span) < ACK_SECONDS * 1000


async def test_a_command_that_is_never_answered_is_recorded_with_its_own_duration() -> None:
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await standin.slash("silent", guild=GUILD)
            await until_async(lambda: recorded.roots)
    (span,) = recorded.roots
    assert semconv.ACK_MS not in (span.attributes or {})
    assert milliseconds(span) < ACK_SECONDS * 1000


async def test_an_unanswered_action_has_its_own_outcome_when_recording_ends() -> None:
    ended = asyncio.Event()
    bot = make_bot()

    @bot.tree.command()
    async def says_nothing(interaction: Interaction) -> None:
        ended.set()

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await standin.slash("says_nothing", guild=GUILD)
            await ended.wait()
            await standin.idle()
            assert recorded.roots == []
    (span,) = recorded.roots
    assert (span.attributes or {})[semconv.OUTCOME] == "ok"


@pytest.mark.parametrize("kind", ["component", "modal"])
async def test_an_interaction_that_a_command_waits_for_ends_when_it_is_answered(kind: str) -> None:
    bot = make_bot()
    type_ = discord.InteractionType.component if kind == "component" else discord.InteractionType.modal_submit

    @bot.tree.command()
    async def waits(interaction: Interaction) -> None:
        if kind == "modal":
            await interaction.response.send_modal(Ask(custom_id="ask"))
            bot._connection._view_store._modals.clear()
        else:
            await interaction.response.defer()
        other = await bot.wait_for("interaction", check=lambda other: other.type is type_)
        await other.response.send_message("ok")

    button = {"type": 2, "custom_id": "by hand of nobody", "label": "x", "style": 1}
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            opener = await standin.slash("waits", guild=GUILD)
            await opener.acknowledged()
            await standin.idle()
            if kind == "component":
                message = standin.shown({"components": [{"type": 1, "components": [button]}]}, GUILD.channel)
                action = await standin.press(message, guild=GUILD)
            else:
                action = await standin.submit(opener, {"Answer": "x"})
            await action.answered()
            await until_async(lambda: len(recorded.roots) == 2)
    span = of(recorded.roots, kind)
    attributes = dict(span.attributes or {})
    assert attributes[semconv.OUTCOME] == "ok"
    assert milliseconds(span) == pytest.approx(attributes[semconv.ACK_MS], abs=0.01)


async def test_checkpoints_after_the_handler_are_not_recorded() -> None:
    import slashspan

    bot = make_bot()
    later = asyncio.Event()

    @bot.tree.command()
    async def goes_on(interaction: Interaction) -> None:
        async def rest() -> None:
            await asyncio.sleep(0.02)
            slashspan.checkpoint("too late")
            later.set()

        bot.loop.create_task(rest())

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await standin.slash("goes_on", guild=GUILD)
            await later.wait()
    (span,) = recorded.roots
    assert span.events == ()
