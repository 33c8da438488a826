"""The components of the bot in `bot.py`, with and without errors."""

from __future__ import annotations

import re
from typing import Any

import discord
from discord.ext import commands

Interaction = discord.Interaction[Any]


class Broken(Exception):
    """A bug of the bot."""


class AskModal(discord.ui.Modal, title="Ask"):
    answer: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Answer")

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        return self.answer.value != "refuse"

    async def on_submit(self, interaction: Interaction, /) -> None:
        if self.answer.value == "break":
            raise Broken
        await interaction.response.send_message("ok")

    async def on_error(self, interaction: Interaction, error: Exception, /) -> None:  # type: ignore[override]
        await interaction.response.send_message("sorry")


class WaitedModal(discord.ui.Modal, title="Ask"):
    """Answered by the command that waits for it."""

    answer: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Answer")
    interaction: Interaction

    async def on_submit(self, interaction: Interaction, /) -> None:
        self.interaction = interaction


class Panel(discord.ui.View):
    """A persistent view: buttons and selects for every outcome."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        if interaction.user.name == "check breaks":
            raise Broken
        return interaction.user.name != "stranger"

    async def on_error(self, interaction: Interaction, error: Exception, item: Any, /) -> None: ...

    @discord.ui.button(label="fine", custom_id="panel:fine")
    async def fine(self, interaction: Interaction, _: Any) -> None:
        await interaction.response.edit_message(content="ok")

    @discord.ui.button(label="broken", custom_id="panel:broken")
    async def broken(self, interaction: Interaction, _: Any) -> None:
        raise Broken

    @discord.ui.button(label="quiet", custom_id="panel:quiet")
    async def quiet(self, interaction: Interaction, _: Any) -> None:
        await interaction.response.defer()

    @discord.ui.select(custom_id="panel:select", options=[discord.SelectOption(label="a")])
    async def choose(self, interaction: Interaction, _: Any) -> None:
        await interaction.response.send_message("ok")

    @discord.ui.select(cls=discord.ui.UserSelect, custom_id="panel:users")
    async def people(self, interaction: Interaction, _: Any) -> None:
        await interaction.response.send_message("ok")


def patched_panel() -> discord.ui.View:
    """A view of discord.py's class whose methods are set on the instance."""
    view = discord.ui.View(timeout=None)
    button: discord.ui.Button[Any] = discord.ui.Button(label="x", custom_id="patched:button")

    async def pressed(interaction: Interaction) -> None:
        raise Broken

    async def check(interaction: Interaction) -> bool:
        return interaction.user.name != "stranger"

    async def sorry(interaction: Interaction, error: Exception, item: Any) -> None:
        await interaction.response.send_message("sorry")

    button.callback = pressed  # type: ignore[method-assign]
    view.interaction_check = check  # type: ignore[method-assign]
    view.on_error = sorry  # type: ignore[method-assign]
    return view.add_item(button)


class OwnButton(discord.ui.Button[Any]):
    """An item with its own class and check."""

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        return interaction.user.name != "not mine"

    async def callback(self, interaction: Interaction) -> None:
        await interaction.response.send_message("ok")


class Vote(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"vote:(?P<how>[a-z_]+)"):
    def __init__(self, how: str) -> None:
        super().__init__(discord.ui.Button(label=how, custom_id=f"vote:{how}"))
        self.how = how

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: Any, match: re.Match[str], /) -> Vote:
        if match["how"] == "make_breaks":
            raise Broken
        return cls(match["how"])

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        if self.how == "check_breaks":
            raise Broken
        return self.how != "check_no"

    async def callback(self, interaction: Interaction) -> None:
        if self.how == "breaks":
            raise Broken
        await interaction.response.send_message("ok")


if hasattr(discord.ui, "LayoutView"):

    class Layout(discord.ui.LayoutView):
        row: Any = discord.ui.ActionRow()

        def __init__(self) -> None:
            super().__init__(timeout=None)

        @row.button(label="in a row", custom_id="layout:button")  # type: ignore[untyped-decorator]
        async def press(self, interaction: Interaction, _: Any) -> None:
            await interaction.response.send_message("ok")


def add_components(bot: commands.Bot) -> None:
    async def setup_hook() -> None:
        panel = Panel()
        panel.add_item(OwnButton(label="own", custom_id="panel:own"))
        bot.add_view(panel)
        bot.add_view(patched_panel())
        bot.add_dynamic_items(Vote)
        if hasattr(discord.ui, "LayoutView"):
            bot.add_view(Layout())

    bot.setup_hook = setup_hook  # type: ignore[method-assign]

    async def on_interaction(interaction: Interaction) -> None:
        data: Any = interaction.data or {}
        custom_id = data.get("custom_id")
        if custom_id == "by hand":
            await interaction.response.send_message("ok")
        elif custom_id == "by hand, broken":
            raise Broken

    bot.add_listener(on_interaction)
