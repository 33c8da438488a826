"""Recording that ends during a command, and code that ends in another context than it began."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord.ext import commands

import slashspan
from slashspan import DiscordInstrumentor, semconv
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.components import Broken
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from discord_standin import StandIn

Interaction = discord.Interaction[Any]


def slow_bot(running_in: list[asyncio.Task[Any]], released: asyncio.Event, fails: bool) -> commands.Bot:
    bot = make_bot()

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        running_in.append(task)
        await released.wait()
        if fails:
            raise Broken

    @bot.tree.command()
    async def slow(interaction: Interaction) -> None:
        await interaction.response.defer()
        await work()

    @bot.command()
    async def p_slow(ctx: commands.Context[Any]) -> None:
        await work()

    class Slow(discord.ui.View):
        @discord.ui.button(label="x", custom_id="slow")
        async def press(self, interaction: Interaction, _: Any) -> None:
            await interaction.response.defer()
            await work()

    before = bot.setup_hook

    async def setup_hook() -> None:
        await before()
        bot.add_view(Slow(timeout=None))

    bot.setup_hook = setup_hook  # type: ignore[method-assign]
    return bot


async def press(standin: StandIn) -> None:
    button = {"type": 2, "custom_id": "slow", "label": "x", "style": 1}
    message = standin.shown({"components": [{"type": 1, "components": [button]}]}, GUILD.channel)
    await standin.press(message, guild=GUILD)


START: dict[str, Callable[[StandIn], Awaitable[Any]]] = {
    "slash": lambda standin: standin.slash("slow", guild=GUILD),
    "prefix": lambda standin: standin.message("!p_slow", guild=GUILD, silent=True),
    "component": press,
}


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("kind", ["slash", "prefix", "component"])
async def test_a_command_running_during_uninstrument_is_recorded_with_its_own_outcome(kind: str, fails: bool) -> None:
    running_in: list[asyncio.Task[Any]] = []
    released = asyncio.Event()
    with Recorded() as recorded:
        async with running(slow_bot(running_in, released, fails), guilds=[GUILD]) as standin:
            await START[kind](standin)
            await until_async(lambda: running_in)
            await standin.idle()
            DiscordInstrumentor().uninstrument()
            assert recorded.roots == []
            released.set()
            await until_async(lambda: recorded.roots)
    (span,) = recorded.roots
    assert (span.attributes or {})[semconv.OUTCOME] == ("error" if fails else "ok")


async def test_a_command_running_at_the_end_of_the_process_is_recorded_as_interrupted() -> None:
    running_in: list[asyncio.Task[Any]] = []
    released = asyncio.Event()
    with Recorded() as recorded:
        async with running(slow_bot(running_in, released, False), guilds=[GUILD]) as standin:
            await standin.slash("slow", guild=GUILD)
            await until_async(lambda: running_in)
            DiscordInstrumentor().uninstrument(interrupt=True)
            assert [(span.attributes or {})[semconv.OUTCOME] for span in recorded.roots] == ["interrupted"]
            released.set()
            await standin.idle()
    assert len(recorded.roots) == 1


async def test_a_flow_closed_in_another_context_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def numbers() -> AsyncGenerator[int, None]:
        with slashspan.flow("counting"):
            yield 1
            yield 2

    with Recorded() as recorded:
        generator = numbers()
        assert await asyncio.create_task(first(generator)) == 1
        await generator.aclose()
        coroutine = waits_in_a_flow()
        contextvars.copy_context().run(coroutine.send, None)
        coroutine.close()
    assert [span.name for span in recorded.spans] == ["flow counting", "flow waiting"]
    assert [record.message for record in caplog.records if record.name.startswith("opentelemetry")] == []


async def first(generator: AsyncGenerator[int, None]) -> int:
    return await generator.__anext__()


async def waits_in_a_flow() -> None:
    with slashspan.flow("waiting"):
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["slash", "prefix", "component"])
async def test_an_action_whose_coroutine_is_closed_in_another_context_is_ended(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As the garbage collector does with an unreferenced task."""
    running_in: list[asyncio.Task[Any]] = []
    bot = slow_bot(running_in, asyncio.Event(), False)
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await START[kind](standin)
            await until_async(lambda: running_in)
            await standin.idle()
            (task,) = running_in
            coroutine: Any = task.get_coro()
            coroutine.close()
            await until_async(lambda: recorded.roots)
            task.cancel()
            await asyncio.wait({task})
            assert isinstance(task.exception(), RuntimeError), "a closed coroutine cannot go on"
    assert [record.message for record in caplog.records if record.name.startswith("opentelemetry")] == []
    (span,) = recorded.roots
    assert (span.attributes or {})[semconv.OUTCOME] == "cancelled"


async def test_a_request_closed_in_another_context_ends_without_an_error() -> None:
    bot = make_bot()
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]):
            request: Any = bot.http.request(discord.http.Route("GET", "/users/@me"))
            contextvars.copy_context().run(request.send, None)
            request.close()
            await until_async(lambda: any(span.name == "GET /users/@me" for span in recorded.spans[1:]))
