"""What the bot offers and nobody has called is only in its tree, and `/slashspan` names it."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands

from slashspan.telemetry.discord_extension.registered import registered_commands
from tests.support.bots import running
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from discord_standin import StandIn
    from discord_standin.ledger import Action

HERE, ELSEWHERE = discord.Object(5), discord.Object(6)


class Offering(commands.Cog):
    """A hybrid command, and a group with a command in it."""

    @commands.hybrid_command()  # type: ignore[arg-type]
    async def hybrid(self, ctx: commands.Context[Any]) -> None: ...

    @commands.command()
    async def prefix(self, ctx: commands.Context[Any]) -> None: ...

    @app_commands.command()
    async def play(self, interaction: discord.Interaction[Any]) -> None: ...

    admin = app_commands.Group(name="admin", description="for some")

    @admin.command()
    async def ban(self, interaction: discord.Interaction[Any]) -> None: ...


async def offering() -> tuple[commands.Bot, commands.Cog]:
    """A bot that offers something everywhere and something in one guild, and `/slashspan`."""
    bot = commands.Bot("!", intents=discord.Intents.default())
    await bot.add_cog(Offering())
    await bot.load_extension("slashspan.telemetry.discord_extension")

    async def menu(interaction: discord.Interaction[Any], user: discord.User) -> None: ...

    async def only_there(interaction: discord.Interaction[Any]) -> None: ...

    bot.tree.add_command(app_commands.ContextMenu(name="Show *profile*", callback=menu))
    bot.tree.add_command(app_commands.Command(name="there", description="x", callback=only_there), guild=HERE)
    return bot, bot.cogs["SlashspanCog"]


async def test_it_is_what_is_in_the_tree_everywhere_and_in_the_guild() -> None:
    bot, own = await offering()
    everywhere = {"hybrid": "slash", "play": "slash", "admin ban": "slash", "Show *profile*": "user_menu"}
    assert registered_commands(bot, None, but=own) == everywhere
    assert registered_commands(bot, ELSEWHERE, but=own) == everywhere
    assert registered_commands(bot, HERE, but=own) == {**everywhere, "there": "slash"}
    assert "slashspan user" in registered_commands(bot, None, but=bot.cogs["Offering"])


def called(days: int, command: str, kind: str = "slash") -> Any:
    """A call so many days ago."""
    at = datetime.now(timezone.utc) - timedelta(days=days, hours=1)
    return dataclasses.replace(FULL, called_at=int(at.timestamp() * 1e6), command=command, kind=kind, outcome="ok")


async def asked(standin: StandIn, what: str, **options: Any) -> discord.Embed:
    action: Action = await standin.slash(f"slashspan {what}", options=options)
    await action.answered(60)
    (found,) = action.messages[-1]["embeds"]
    return discord.Embed.from_dict(found)


async def test_what_was_not_called_is_named_with_its_last_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    monkeypatch.setenv("SLASHSPAN_DSN", dsn)
    monkeypatch.setattr("slashspan.insights.charts.render.can_render", lambda: False)
    write_rows(dsn, [called(0, "play"), called(30, "hybrid"), called(30, "gone"), called(30, "prefix", "prefix")])
    bot, _ = await offering()
    async with running(bot) as standin:
        fields = {field.name: str(field.value) for field in (await asked(standin, "summary")).fields}
        never = await asked(standin, "command", name="/admin ban")
        before = await asked(standin, "command", name="hybrid")
        unknown = await asked(standin, "command", name="no such")
        suggested = await standin.autocomplete("slashspan command", "name", "")
        await suggested.acknowledged()
    lines = fields["Not called in this period"].splitlines()
    assert lines[:2] == [
        "/admin ban: no earlier call is stored",
        "Show \\*profile\\* (user menu): no earlier call is stored",
    ]
    assert lines[2].startswith("/hybrid: last <t:")
    assert len(lines) == 3
    assert fields["Most used"].startswith("/play: 1 call")
    assert "hybrid" not in fields["Most used"]
    assert never.description == "No calls in this period. No earlier one is stored."
    assert str(before.description).startswith("No calls in this period. The last one was <t:")
    assert unknown.description == "No calls in this period. The bot has no slash command or menu of this name."
    assert suggested.choices == ["Show *profile*", "admin ban", "gone", "hybrid", "play", "prefix"]
