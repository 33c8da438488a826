"""The stand-in behaves to the real client as Discord would, and its ledger records what happened."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord.ext import commands
from discord_standin import Fault, Guild, StandIn, drive, redirect, snowflake, users
from discord_standin.people import NAMES

from tests.support.bots import running

if TYPE_CHECKING:
    from pathlib import Path

GUILD = Guild(snowflake())


def make_bot() -> commands.Bot:
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot("!", intents=intents, help_command=None)
    bot.errors = []  # type: ignore[attr-defined]

    async def on_error(_: Any, error: Exception) -> None:
        bot.errors.append(getattr(error, "original", error))  # type: ignore[attr-defined]

    bot.tree.on_error = on_error  # type: ignore[method-assign]

    class View(discord.ui.View):
        @discord.ui.button(label="one")
        async def one(self, interaction: discord.Interaction, _: Any) -> None:
            await interaction.response.send_modal(Modal())

        @discord.ui.select(cls=discord.ui.UserSelect)
        async def two(self, interaction: discord.Interaction, select: Any) -> None:
            await interaction.response.edit_message(content="chosen")

    class Modal(discord.ui.Modal, title="Ask"):
        answer: Any = discord.ui.TextInput(label="Answer")

        async def on_submit(self, interaction: discord.Interaction) -> None:
            await interaction.response.send_message(f"you said {self.answer.value}")

    @bot.tree.command()
    async def show(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("here", view=View(), file=discord.File(io.BytesIO(b"x"), "x.txt"))

    @bot.tree.command()
    async def later(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await interaction.followup.send("now")
        await interaction.edit_original_response(content="changed")

    @bot.tree.command()
    async def takes(interaction: discord.Interaction, who: discord.User, count: int, text: str) -> None:
        await interaction.response.send_message(f"{who.name} {count} {text}")

    @bot.command()
    async def pong(ctx: commands.Context[Any]) -> None:
        await ctx.reply("pong")

    return bot


async def test_buttons_and_modals_are_used_by_the_ids_that_the_bot_sent() -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        shown = await standin.slash("show", guild=GUILD)  # with a file: components in multipart
        await shown.answered()
        pressed = await standin.press(shown, "one")
        assert (await pressed.acknowledged()).type == 9
        submitted = await standin.submit(pressed, {"Answer": "42"})
        await submitted.answered()
        assert submitted.messages[-1]["content"] == "you said 42"


async def test_options_of_every_type_arrive() -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        options = {"who": standin.owner, "count": 3, "text": "x"}
        action = await standin.slash("takes", options=options, guild=GUILD)
        await action.answered()
        assert action.messages[-1]["content"] == "owner 3 x"


async def test_the_ledger_keeps_the_order_and_the_times_of_calls() -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        action = await standin.slash("later", guild=GUILD)
        await action.answered()
        while len(action.calls) < 3:
            await asyncio.sleep(0)
    assert [(call.route, call.status, call.type) for call in action.calls] == [
        ("callback", 200, 5),
        ("followup", 200, None),
        ("original", 200, None),
    ]
    times = [action.sent_ns, *(call.received_ns for call in action.calls)]
    assert times == sorted(times)
    assert all(call.received_ns <= call.answered_ns for call in action.calls)
    assert all(action.token not in call.path for call in action.calls)


async def test_scripted_answers_reach_the_client() -> None:
    bot = make_bot()
    async with running(bot, guilds=[GUILD]) as standin:
        late = await standin.slash("later", guild=GUILD, faults=[Fault.expired()])
        limited = await standin.slash("later", guild=GUILD, faults=[Fault.rate_limited("followup", 0.01)])
        while len(limited.calls) < 4 or not bot.errors:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    (error,) = bot.errors  # type: ignore[attr-defined]
    assert isinstance(error, discord.NotFound)
    assert error.code == 10062
    assert late.ack is None
    assert [call.status for call in limited.calls if call.route == "followup"] == [429, 200]


async def test_a_dropped_connection_is_resumed() -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        await standin.drop()
        await standin.gone()
        await standin.ready()
        assert standin.resumes == 1
        await (await standin.message("!pong", guild=GUILD)).answered()


async def test_answers_are_matched_to_commands_by_reply() -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        first = await standin.message("!unknown", guild=GUILD)
        second = await standin.message("!pong", guild=GUILD)
        await second.answered()
        assert first.answer is None


async def test_driving_sends_each_step_and_the_ledger_can_be_written(tmp_path: Path) -> None:
    sent: list[int] = []
    async with running(make_bot(), guilds=[GUILD]) as standin:

        async def step(discord: StandIn) -> Any:
            return await discord.slash("show", guild=GUILD)

        actions = await drive(standin, [step] * 50, rate=5000, on_sent=sent.append)
        for action in actions:
            await action.answered()
        standin.ledger.write(tmp_path / "ledger.jsonl")
    assert sent == list(range(1, 51))
    kept = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text("utf-8").splitlines()]
    assert [entry["id"] for entry in kept] == [action.id for action in actions]
    assert {call["status"] for entry in kept for call in entry["calls"]} == {200}


async def test_unexpected_requests_are_in_the_ledger() -> None:
    async with StandIn() as standin:
        undo = redirect(standin.environ)
        assert undo is not None
        client = discord.Client(intents=discord.Intents.none())
        await client.login("token")
        with pytest.raises(discord.NotFound):
            await client.fetch_guild(1)
        await client.close()
        undo()
        assert standin.ledger.unexpected == ["GET /api/v10/guilds/1"]
    assert discord.http.Route.BASE.startswith("https://discord.com")
    assert redirect({}) is None


def test_ids_are_unique_and_carry_the_current_time() -> None:
    found = [snowflake() for _ in range(10_000)]
    assert len(set(found)) == len(found)
    assert abs(discord.utils.snowflake_time(found[-1]) - discord.utils.utcnow()).total_seconds() < 60


def test_users_have_difficult_names() -> None:
    names = {user.name for user in users(30)}
    assert len(names) == 30
    assert {name for name in NAMES if len(name) <= 32} <= names
