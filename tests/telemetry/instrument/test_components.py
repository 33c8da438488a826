"""Components and modals: their names, and failures wherever the bot defines the methods that reveal them."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import discord
import pytest

from slashspan import semconv
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


# Names


async def on_press(interaction: Interaction) -> None:
    await interaction.response.defer()


class Confirm(discord.ui.Button[Any]):
    async def callback(self, interaction: Interaction) -> None:
        await interaction.response.defer()


class Poll(discord.ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.by_attribute: discord.ui.Button[Any] = discord.ui.Button(label="x", custom_id="id-of-attribute")
        self.by_attribute.callback = lambda interaction: interaction.response.defer()  # type: ignore[method-assign]
        self.add_item(self.by_attribute)
        for custom_id, callback in (
            ("id-of-function", on_press),
            ("id-of-partial", functools.partial(self.on_choice, 7)),
            ("id-of-lambda", lambda interaction: interaction.response.defer()),
        ):
            button: discord.ui.Button[Any] = discord.ui.Button(label="x", custom_id=custom_id)
            button.callback = callback  # type: ignore[method-assign]
            self.add_item(button)
        self.add_item(Confirm(label="x", custom_id="id-of-class"))

    async def on_choice(self, number: int, interaction: Interaction) -> None:
        await interaction.response.defer()

    @discord.ui.button(label="x", custom_id="id-of-vote")
    async def vote(self, interaction: Interaction, _: Any) -> None:
        await interaction.response.defer()

    @discord.ui.button(label="x", custom_id="id-of-abstain")
    async def abstain(self, interaction: Interaction, _: Any) -> None:
        await interaction.response.defer()


NAMES = {
    "id-of-vote": "Poll.vote",
    "id-of-abstain": "Poll.abstain",
    "id-of-attribute": "Poll.by_attribute",
    "id-of-function": "Poll.on_press",
    "id-of-partial": "Poll.on_choice",
    "id-of-lambda": "Poll",
    "id-of-class": "Confirm",
}


async def test_each_item_of_a_view_has_a_name_of_its_own() -> None:
    found = await pressed(Poll, *NAMES)
    assert [attributes[semconv.COMMAND_NAME] for attributes in found] == list(NAMES.values())
    assert {attributes[semconv.OUTCOME] for attributes in found} == {"ok"}


def plain_view() -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    button: discord.ui.Button[Any] = discord.ui.Button(label="x", custom_id="id-in-a-plain-view")
    button.callback = on_press  # type: ignore[method-assign]
    return view.add_item(button)


async def test_an_item_of_a_plain_view_is_named_by_its_callback() -> None:
    (attributes,) = await pressed(plain_view, "id-in-a-plain-view")
    assert attributes[semconv.COMMAND_NAME] == "View.on_press"


async def test_every_action_has_the_application_id() -> None:
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await standin.slash("ok", guild=GUILD)
            await standin.message("!p_ok", guild=GUILD)
            await until_async(lambda: len(recorded.roots) == 2)
    ids = {(span.attributes or {})[semconv.APPLICATION_ID] for span in recorded.roots}
    assert ids == {str(standin.application_id)}


# Failures


async def handles(interaction: Interaction, error: Exception, item: Any) -> None:
    assert type(item) is discord.ui.Button


async def refuses(interaction: Interaction) -> bool:
    await interaction.response.defer()
    return False


def with_on_error() -> Plain:
    view = Plain()
    view.on_error = handles  # type: ignore[method-assign]
    return view


def with_check() -> Plain:
    view = Plain()
    view.interaction_check = refuses  # type: ignore[method-assign]
    return view


def with_item_check() -> Plain:
    view = Plain()
    view.children[0].interaction_check = refuses  # type: ignore[method-assign]
    return view


@pytest.mark.parametrize(
    ("view", "outcome", "error"),
    [
        (Plain, "error", BROKEN),
        (with_on_error, "error", BROKEN),
        (with_check, "rejected", None),
        (with_item_check, "rejected", None),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_method_set_on_a_view_or_item_is_observed(view: Any, outcome: str, error: str | None) -> None:
    (attributes,) = await pressed(view, "breaks")
    assert ending(attributes) == ("Plain.press", outcome, error)


class Ask(discord.ui.Modal, title="Ask"):
    answer: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Answer")

    async def on_submit(self, interaction: Interaction, /) -> None:
        raise Broken


def asking_bot(prepare: Any) -> commands.Bot:
    bot = make_bot()

    @bot.tree.command()
    async def asks(interaction: Interaction) -> None:
        modal = Ask()
        prepare(modal)
        await interaction.response.send_modal(modal)

    return bot


async def modal_error(interaction: Interaction, error: Exception) -> None:
    await interaction.response.send_message("sorry")


@pytest.mark.parametrize(
    ("name", "method", "outcome"), [("on_error", modal_error, "error"), ("interaction_check", refuses, "rejected")]
)
async def test_a_method_set_on_a_modal_is_observed(name: str, method: Any, outcome: str) -> None:
    with Recorded() as recorded:
        async with running(asking_bot(lambda modal: setattr(modal, name, method)), guilds=[GUILD]) as standin:
            opener = await standin.slash("asks", guild=GUILD)
            await opener.acknowledged()
            await standin.idle()
            await standin.submit(opener, {"Answer": "x"})
            await until_async(lambda: len(recorded.roots) == 2)
    attributes = dict(recorded.roots[-1].attributes or {})
    assert attributes[semconv.OUTCOME] == outcome
    assert semconv.ACK_MS in attributes


@pytest.mark.parametrize(("name", "outcome"), [("on_error", "error"), ("interaction_check", "rejected")])
async def test_a_method_set_on_a_tree_is_observed(name: str, outcome: str) -> None:
    async def tree_error(interaction: Interaction, error: Exception) -> None:
        await interaction.response.send_message("sorry")

    bot = make_bot()
    setattr(bot.tree, name, tree_error if name == "on_error" else refuses)
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await standin.slash("broken", guild=GUILD)
            await until_async(lambda: recorded.roots)
    assert dict(recorded.roots[0].attributes or {})[semconv.OUTCOME] == outcome


class Dice(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"dice:(?P<how>[a-z]+)"):
    """An item whose methods are set on the instance."""

    def __init__(self, how: str) -> None:
        super().__init__(discord.ui.Button(label=how, custom_id=f"dice:{how}"))
        if how == "refuses":
            self.interaction_check = refuses  # type: ignore[method-assign]
        else:
            self.callback = self.rolls  # type: ignore[method-assign]

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: Any, match: re.Match[str], /) -> Dice:
        return cls(match["how"])

    async def rolls(self, interaction: Interaction) -> None:
        await interaction.response.defer()
        raise Broken


@pytest.mark.parametrize(("how", "outcome", "error"), [("breaks", "error", BROKEN), ("refuses", "rejected", None)])
async def test_a_method_set_on_a_dynamic_item_is_observed(how: str, outcome: str, error: str | None) -> None:
    bot = with_setup(make_bot(), lambda bot: bot.add_dynamic_items(Dice))
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await standin.press(standin.shown(row_of(f"dice:{how}"), GUILD.channel), guild=GUILD)
            await until_async(lambda: recorded.roots)
    assert ending(dict(recorded.roots[0].attributes or {})) == ("Dice", outcome, error)
