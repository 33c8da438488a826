"""Components and modals: their names, and failures wherever the bot defines the methods that reveal them."""

from __future__ import annotations

import asyncio
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
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from discord.ext import commands

Interaction = discord.Interaction[Any]
BROKEN = f"{Broken.__module__}.{Broken.__qualname__}"


def with_setup(bot: commands.Bot, setup: Any) -> commands.Bot:
    before = bot.setup_hook

    async def setup_hook() -> None:
        await before()
        setup(bot)

    bot.setup_hook = setup_hook  # type: ignore[method-assign]
    return bot


async def pressed(view: Any, *custom_ids: str) -> list[dict[str, Any]]:
    """What is recorded when these buttons are pressed, in this order."""
    found: list[dict[str, Any]] = []
    bot = with_setup(make_bot(), lambda bot: bot.add_view(view()))
    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            for custom_id in custom_ids:
                action = await standin.press(standin.shown(row_of(custom_id), GUILD.channel), guild=GUILD)
                await until_async(lambda: len(recorded.roots) == len(found) + 1)
                span = recorded.roots[-1]
                assert (span.attributes or {})[semconv.INTERACTION_ID] == str(action.id)
                found.append(dict(span.attributes or {}))
    everything = "".join(span.to_json() for span in recorded.spans)
    assert not any(custom_id in everything for custom_id in custom_ids)
    return found


def row_of(custom_id: str) -> dict[str, Any]:
    button = {"type": 2, "custom_id": custom_id, "label": "x", "style": 1}
    return {"components": [{"type": 1, "components": [button]}]}


def ending(attributes: dict[str, Any]) -> tuple[str, str, str | None]:
    return (
        attributes[semconv.COMMAND_NAME],
        attributes[semconv.OUTCOME],
        attributes.get(semconv.ERROR_TYPE),
    )


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


class Plain(discord.ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="x", custom_id="breaks")
    async def press(self, interaction: Interaction, _: Any) -> None:
        await interaction.response.defer()
        raise Broken


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
