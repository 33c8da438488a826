"""What a command starts is its child; what outlives it has no finished parent; no token is recorded."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import discord
from discord.ext import commands, tasks
from opentelemetry.trace import SpanKind

import slashspan
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async


async def test_what_a_command_starts_is_its_child_and_what_outlives_it_is_not() -> None:
    tracer_of: dict[str, Any] = {}
    bot = make_bot()
    released = asyncio.Event()

    @bot.tree.command()
    async def starts(interaction: discord.Interaction) -> None:
        tracer = tracer_of["tracer"]
        with tracer.start_as_current_span("query"):
            pass
        await asyncio.to_thread(lambda: tracer.start_span("in a thread").end())

        async def waits() -> None:
            await bot.wait_for("message")
            tracer.start_span("after wait_for").end()
            released.set()

        tracer_of["task"] = asyncio.create_task(waits())
        await interaction.response.send_message("ok")

    with Recorded() as recorded:
        tracer_of["tracer"] = recorded.provider.get_tracer("bot")
        async with running(bot, guilds=[GUILD]) as standin:
            await (await standin.slash("starts", guild=GUILD)).answered()
            await until_async(lambda: recorded.roots)
            await standin.message("hello", prefix=False, guild=GUILD)
            await asyncio.wait_for(released.wait(), 10)
    spans = {span.name: span for span in recorded.spans}
    root = spans["slash starts"]
    for name in ("query", "in a thread"):
        parent = spans[name].parent
        assert parent is not None
        assert parent.span_id == root.context.span_id
    assert spans["after wait_for"].parent is None


async def test_a_late_timeout_of_a_view_has_no_finished_parent() -> None:
    done = asyncio.Event()
    holder: dict[str, Any] = {}
    bot = make_bot()

    class Short(discord.ui.View):
        @discord.ui.button(label="x")
        async def press(self, interaction: Any, _: Any) -> None: ...

        async def on_timeout(self) -> None:
            holder["tracer"].start_span("on_timeout").end()
            slashspan.checkpoint("late")  # does nothing outside a command
            done.set()

    @bot.tree.command()
    async def short(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("ok", view=Short(timeout=0.05))

    with Recorded() as recorded:
        holder["tracer"] = recorded.provider.get_tracer("bot")
        async with running(bot, guilds=[GUILD]) as standin:
            await standin.slash("short", guild=GUILD)
            await asyncio.wait_for(done.wait(), 10)
    assert next(span for span in recorded.spans if span.name == "on_timeout").parent is None


async def test_each_iteration_of_a_loop_is_a_root_span() -> None:
    holder: dict[str, Any] = {}
    bot = make_bot()

    @tasks.loop(seconds=0, count=2)
    async def tidy() -> None:
        holder["tracer"].start_span("inside").end()

    @bot.tree.command()
    async def start(interaction: discord.Interaction) -> None:
        holder["task"] = tidy.start()
        await interaction.response.send_message("ok")

    coro = tidy.coro
    with Recorded() as recorded:
        holder["tracer"] = recorded.provider.get_tracer("bot")
        async with running(bot, guilds=[GUILD]) as standin:
            await (await standin.slash("start", guild=GUILD)).answered()
            await holder["task"]
            await until_async(lambda: recorded.roots)
    iterations = [span for span in recorded.spans if span.name.startswith("loop ")]
    assert [span.parent for span in iterations] == [None, None]
    assert {span.kind for span in iterations} == {SpanKind.INTERNAL}
    inner = [span.parent.span_id for span in recorded.spans if span.name == "inside" and span.parent]
    assert inner == [span.context.span_id for span in iterations]
    assert tidy.coro is coro


async def test_running_loops_and_loops_of_cogs_are_traced_and_restored() -> None:
    passed = asyncio.Semaphore(0)

    @tasks.loop(seconds=0)
    async def early() -> None:
        passed.release()

    class Chores(commands.Cog):
        @tasks.loop(seconds=0, count=1)
        async def chore(self) -> None:
            assert self is cog

    own, task = early.coro, early.start()
    await passed.acquire()
    with Recorded() as recorded:
        cog = Chores()
        await cog.chore.start()
        assert cog.chore.coro is cog.chore.coro
        await until_async(lambda: any(span.name.endswith("early") for span in recorded.spans))
        before = len(recorded.spans)
        with recorded.provider.get_tracer("bot").start_as_current_span("by hand") as hand:
            await cog.chore()
        by_hand = [span.name for span in recorded.spans[before:] if not span.name.endswith("early")]
        assert by_hand == ["by hand"]
        assert hand.is_recording() is False
    (chore,) = [span for span in recorded.spans if span.name.endswith("chore")]
    assert (chore.name, chore.parent) == (f"loop {Chores.chore.coro.__qualname__}", None)
    assert early.coro is own
    assert cog.chore.coro is Chores.chore.coro
    assert "coro" not in vars(tasks.Loop)
    early.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_no_token_is_recorded_even_with_the_aiohttp_instrumentation() -> None:
    from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor

    own = asyncio.Event()
    bot = make_bot()

    @bot.tree.command()
    async def fetches(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        async with aiohttp.ClientSession() as session:  # the bot's own traffic is traced as ever
            async with session.get(f"{discord.http.Route.BASE}/gateway"):
                own.set()
        await interaction.followup.send("ok")

    with Recorded() as recorded:
        AioHttpClientInstrumentor().instrument(tracer_provider=recorded.provider)
        try:
            async with running(bot, guilds=[GUILD]) as standin:
                action = await standin.slash("fetches", guild=GUILD)
                await action.answered()
                await until_async(lambda: recorded.roots)
        finally:
            AioHttpClientInstrumentor().uninstrument()
    assert own.is_set()
    everything = "".join(span.to_json() for span in recorded.spans)
    assert action.token not in everything
    (root,) = recorded.roots
    children = [span.name for span in recorded.spans if span.parent and span.parent.span_id == root.context.span_id]
    assert children == [
        "POST /interactions/{webhook_id}/{webhook_token}/callback",
        "GET",
        "POST /webhooks/{webhook_id}/{webhook_token}",
    ]
