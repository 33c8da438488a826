"""A command that invokes another, and two bots in one process: each action has its own outcome."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from discord.ext import commands

from slashspan import semconv
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.components import Broken
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

Context = commands.Context[Any]
BROKEN = f"{Broken.__module__}.{Broken.__qualname__}"


def nesting_bot() -> commands.Bot:
    bot = make_bot()

    async def invokes_again(ctx: Context, content: str, *, message_event: bool = False) -> None:
        ctx.message.content = content
        if message_event:
            await bot.process_commands(ctx.message)
        else:
            await bot.invoke(await bot.get_context(ctx.message))

    @bot.command()
    async def sudo_fails(ctx: Context) -> None:
        await invokes_again(ctx, "!p_ok")
        raise Broken

    @bot.command()
    async def sudo_of_failing(ctx: Context) -> None:
        await invokes_again(ctx, "!p_broken")

    @bot.command()
    async def again_fails(ctx: Context) -> None:
        await invokes_again(ctx, "!p_ok", message_event=True)
        raise Broken

    @bot.command()
    async def same_context(ctx: Context) -> None:
        ctx.command = bot.get_command("p_broken")
        await bot.invoke(ctx)

    @bot.command()
    async def calls(ctx: Context) -> None:
        command: Any = bot.get_command("p_broken")
        await ctx.invoke(command)

    @bot.command()
    async def then_cancelled(ctx: Context) -> None:
        await invokes_again(ctx, "!p_broken")
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    return bot


@pytest.mark.parametrize(
    ("command", "endings"),
    [
        ("sudo_fails", {("p_ok", "ok", None), ("sudo_fails", "error", BROKEN)}),
        ("sudo_of_failing", {("p_broken", "error", BROKEN), ("sudo_of_failing", "ok", None)}),
        ("again_fails", {("p_ok", "ok", None), ("again_fails", "error", BROKEN)}),
        ("same_context", {("p_broken", "error", BROKEN), ("same_context", "ok", None)}),
        ("calls", {("calls", "error", BROKEN)}),
        (
            "then_cancelled",
            {("p_broken", "error", BROKEN), ("then_cancelled", "cancelled", "asyncio.exceptions.CancelledError")},
        ),
    ],
)
async def test_a_command_that_invokes_another_has_its_own_outcome(
    command: str, endings: set[tuple[str, str, str | None]]
) -> None:
    with Recorded() as recorded:
        async with running(nesting_bot(), guilds=[GUILD]) as standin:
            await standin.message(f"!{command}", guild=GUILD, silent=True)
            await until_async(lambda: len(recorded.roots) == len(endings))
    assert {ending(span) for span in recorded.roots} == endings
    assert len({(span.attributes or {})[semconv.INTERACTION_ID] for span in recorded.roots}) == 1


def ending(span: Any) -> tuple[str, str, str | None]:
    attributes = span.attributes
    return attributes[semconv.COMMAND_NAME], attributes[semconv.OUTCOME], attributes.get(semconv.ERROR_TYPE)


async def test_a_command_invoked_again_by_an_error_handler_is_recorded_as_ok() -> None:
    bot = make_bot()
    tries: list[bool] = []

    @bot.command()
    async def second_try(ctx: Context) -> None:
        tries.append(True)
        if len(tries) == 1:
            raise Broken

    @second_try.error
    async def again(ctx: Context, error: commands.CommandError) -> None:
        await bot.invoke(ctx)

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await standin.message("!second_try", guild=GUILD, silent=True)
            await until_async(lambda: len(recorded.roots) == 2)
    assert [ending(span) for span in recorded.roots] == [("second_try", "ok", None), ("second_try", "error", BROKEN)]


async def test_two_bots_in_one_process_each_record_the_same_message() -> None:
    both = asyncio.Event()
    bots = [make_bot(), make_bot()]
    arrived: list[commands.Bot] = []

    def add(bot: commands.Bot, fails: bool) -> None:
        @bot.command()
        async def meets(ctx: Context) -> None:
            arrived.append(bot)
            if len(arrived) == 2:
                both.set()
            await both.wait()
            if fails:
                raise Broken

    add(bots[0], True)
    add(bots[1], False)
    with Recorded() as recorded:
        async with running(bots[0], guilds=[GUILD]) as standin:
            await standin.message("!meets", guild=GUILD, silent=True)
            await until_async(lambda: arrived)
            message = bots[0].cached_messages[-1]
            async with running(bots[1], guilds=[GUILD]) as other:
                sent = await other.message("hello", prefix=False, guild=GUILD)
                await until_async(lambda: bots[1].cached_messages)
                seen = bots[1].cached_messages[-1]
                assert seen.id == sent.id
                # The same message as the first bot's, under the same id.
                seen.id, seen.content = message.id, "!meets"
                await bots[1].process_commands(seen)
                await until_async(lambda: len(recorded.roots) == 2)
    assert {ending(span) for span in recorded.roots} == {("meets", "error", BROKEN), ("meets", "ok", None)}
    assert len({(span.attributes or {})[semconv.INTERACTION_ID] for span in recorded.roots}) == 1
    assert {(span.attributes or {})[semconv.APPLICATION_ID] for span in recorded.roots} == {
        str(standin.application_id),
        str(other.application_id),
    }
