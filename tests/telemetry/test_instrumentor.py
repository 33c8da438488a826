"""The bot must not notice: handlers run as ever, a bug of ours stays ours, and everything can be put back."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands
from discord.ext import commands, tasks
from discord_standin import Guild, snowflake
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import SpanKind

import telemetry
from slashspan import semconv
from telemetry import DiscordInstrumentor
from telemetry import action as action_module
from telemetry.hooks import app_commands as app_hooks
from telemetry.hooks import components, prefix, rest, unanswered
from telemetry.patching import Patches
from telemetry.settings import Settings
from tests.support.bots import running
from tests.truth.bot import make_bot
from tests.truth.cases import ALL, GUILD
from tests.truth.play import Recorded, until

QUIET = Settings.from_environ({})


def class_attributes() -> dict[tuple[str, str], object]:
    """Every function of every class of discord, aiohttp and the bot, as it is now."""
    found: dict[tuple[str, str], object] = {}
    for cls in [obj for obj in gc.get_objects() if isinstance(obj, type)]:
        module = str(cls.__module__)
        if module.split(".", maxsplit=1)[0] in ("discord", "aiohttp") or module == "tests.truth.bot":
            for name, value in list(vars(cls).items()):
                if callable(value) or isinstance(value, (classmethod, staticmethod)):
                    found[_key(cls), name] = value
    return found


async def test_uninstrument_puts_back_every_attribute() -> None:
    before = class_attributes()
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            sample = [case for case in ALL if case.outcome not in ("unhandled", "cancelled")]
            for case in sample:
                await case.do(standin, case.user)
            await until(lambda: len(recorded.roots) >= len(standin.ledger.actions))
        assert vars(aiohttp.ClientSession)["_request"] is not before[_key(aiohttp.ClientSession), "_request"]
    after = class_attributes()
    changed = [key for key, value in before.items() if after.get(key, value) is not value]
    assert changed == []


def _key(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}@{id(cls)}"


async def test_a_bot_that_is_connected_already_is_reached() -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        await (await standin.slash("ok", guild=GUILD)).answered()
        with Recorded() as recorded:
            await standin.slash("ok", guild=GUILD)
            await standin.message("!p_ok", guild=GUILD)
            await until(lambda: len(recorded.roots) == 2)
        await (await standin.slash("ok", guild=GUILD)).answered()
        assert len(recorded.roots) == 2


async def test_instrumenting_twice_records_once(caplog: pytest.LogCaptureFixture) -> None:
    with Recorded() as recorded:
        DiscordInstrumentor().instrument(tracer_provider=recorded.provider)
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("ok", guild=GUILD)).answered()
            await until(lambda: recorded.roots)
        assert len(recorded.roots) == 1
    assert "already instrumented" in caplog.text


async def test_the_providers_that_are_passed_are_used() -> None:
    reader = InMemoryMetricReader()
    with Recorded() as recorded:
        DiscordInstrumentor().uninstrument()
        meters = MeterProvider([reader], shutdown_on_exit=False)
        DiscordInstrumentor().instrument(
            tracer_provider=recorded.provider, meter_provider=meters, settings=recorded._settings
        )
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("ok", guild=GUILD)).answered()
            await standin.slash("broken", guild=GUILD)
            await until(lambda: len(recorded.roots) == 2)
            data = reader.get_metrics_data()
    assert data is not None
    metrics = {m.name: m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    points = {p.attributes[semconv.COMMAND_NAME]: p for p in metrics["discord.interaction.duration"].data.data_points}  # type: ignore[index]
    assert dict(points["broken"].attributes or {}) == {
        semconv.COMMAND_NAME: "broken",
        semconv.KIND: "slash",
        semconv.OUTCOME: "error",
        semconv.ERROR_TYPE: "KeyError",
    }
    assert dict(points["ok"].attributes or {})[semconv.OUTCOME] == "ok"
    assert metrics["discord.interaction.ack.duration"].data.data_points[0].count == 1  # type: ignore[union-attr]
    (active,) = metrics["discord.interaction.active"].data.data_points
    assert active.value == 0  # type: ignore[union-attr]
    assert metrics["discord.guild.count"].data.data_points[0].value == 1  # type: ignore[union-attr]
    assert "discord.gateway.latency" in metrics
    # Every metric that is declared is emitted (but for rate limits, of which there were none), and none names anybody.
    assert set(metrics) >= {"discord.interaction.duration", "discord.interaction.ack.duration"}
    for metric in metrics.values():
        for point in metric.data.data_points:
            assert not any("user" in key or "guild" in key or "channel" in key for key in point.attributes or {})


HOOKS = [
    (owner, name)
    for owner, names in {
        app_hooks.AppCommandHooks: ("_begin", "_end", "_end_with_task", "_end_late", "_note"),
        prefix.PrefixHooks: ("_begin", "_end", "_note"),
        components.ComponentHooks: (
            "_begin",
            "_done",
            "_watch_view",
            "_watch_checks",
            "_watch_dynamic",
            "_note",
            "_reject",
            "_reached",
        ),
        unanswered.Unanswered: ("look", "_taken", "_done", "_deadline"),
        rest.RestHooks: ("_start", "_finish"),
    }.items()
    for name in names
]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: f"{hook[0].__name__}.{hook[1]}")
async def test_a_bug_in_a_hook_never_reaches_the_bot(
    hook: tuple[type, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from telemetry import _guard

    owner, name = hook

    def bug(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug of ours")

    bug.__qualname__ = f"{owner.__name__}.{name}"
    monkeypatch.setattr(owner, name, _guard.guarded(bug))
    monkeypatch.setattr(_guard, "_last_told", {})
    with Recorded(environ={"SLASHSPAN_RAISE_INTERNAL_ERRORS": "false"}), caplog.at_level(logging.ERROR, "slashspan"):
        async with running(make_bot(), guilds=[GUILD]) as standin:
            for case in ALL:
                if case.outcome != "unhandled":
                    action = await case.do(standin, case.user)
                    if case.ack_kind is not None:
                        await action.acknowledged()
            await (await standin.message("!p_ok", guild=GUILD)).answered()
            await (await standin.slash("ok", guild=GUILD)).answered()
    told = [record for record in caplog.records if record.name == "slashspan"]
    assert len(told) <= 1, "once a minute, not once per command"


async def test_in_our_tests_a_bug_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    from telemetry import _guard

    monkeypatch.setattr(_guard, "_raise", True)

    @_guard.guarded
    def bug() -> None:
        raise RuntimeError("a bug of ours")

    with pytest.raises(RuntimeError, match="a bug of ours"):
        bug()


async def test_the_bots_own_handlers_run_as_without_us() -> None:
    heard: dict[bool, list[str]] = {}
    for recorded in (False, True):
        calls = heard[recorded] = []
        bot = _listening(calls)
        if recorded:
            with Recorded():
                await _talk(bot, calls)
        else:
            await _talk(bot, calls)
    assert sorted(heard[False]) == sorted(heard[True])
    assert {"cog_command_error", "on_interaction", "tree.on_error", "on_ready", "completion"} <= set(heard[True])


def _listening(calls: list[str]) -> commands.Bot:
    bot = make_bot()

    class Cog(commands.Cog):
        async def cog_command_error(self, ctx: Any, error: Exception) -> None:
            calls.append("cog_command_error")

        async def cog_app_command_error(self, interaction: Any, error: Exception) -> None:
            calls.append("cog_app_command_error")

        @commands.command()
        async def in_cog(self, ctx: Any) -> None:
            raise RuntimeError

        @app_commands.command()
        async def slash_in_cog(self, interaction: discord.Interaction) -> None:
            raise RuntimeError

    async def tree_error(interaction: Any, error: Exception) -> None:
        calls.append("tree.on_error")

    def listen(name: str, event: str) -> None:
        async def heard(*_: Any) -> None:
            calls.append(name)

        bot.add_listener(heard, event)

    bot.tree.on_error = tree_error  # type: ignore[method-assign]
    for name, event in (
        ("on_ready", "on_ready"),
        ("on_interaction", "on_interaction"),
        ("completion", "on_app_command_completion"),
        ("command completion", "on_command_completion"),
        ("command error", "on_command_error"),
    ):
        listen(name, event)
    inner = bot.setup_hook

    async def setup_hook() -> None:
        await inner()
        await bot.add_cog(Cog())

    bot.setup_hook = setup_hook  # type: ignore[method-assign]
    return bot


async def _talk(bot: commands.Bot, calls: list[str]) -> None:
    async with running(bot, guilds=[GUILD]) as standin:
        await (await standin.slash("ok", guild=GUILD)).answered()
        await standin.slash("slash_in_cog", guild=GUILD)
        await standin.message("!in_cog", guild=GUILD)
        await (await standin.message("!p_ok")).answered()  # in a DM: the ledger tells answers apart by channel
        await standin.slash("unknown", guild=GUILD)
        expected = ("cog_command_error", "cog_app_command_error", "command error", "command completion", "on_ready")
        await until(lambda: all(name in calls for name in expected) and calls.count("tree.on_error") == 2)


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
            await until(lambda: recorded.roots)
            await standin.message("hello", prefix=False, guild=GUILD)
            await asyncio.wait_for(released.wait(), 10)
    spans = {span.name: span for span in recorded.spans}
    root = spans["slash starts"]
    for name in ("query", "in a thread"):
        parent = spans[name].parent
        assert parent is not None
        assert parent.span_id == root.context.span_id
    assert spans["after wait_for"].parent is None


async def test_a_late_timeout_of_a_view_has_no_dead_parent() -> None:
    done = asyncio.Event()
    holder: dict[str, Any] = {}
    bot = make_bot()

    class Short(discord.ui.View):
        @discord.ui.button(label="x")
        async def press(self, interaction: Any, _: Any) -> None: ...

        async def on_timeout(self) -> None:
            holder["tracer"].start_span("on_timeout").end()
            telemetry.checkpoint("late")  # does nothing outside a command
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


async def test_each_iteration_of_a_loop_is_a_root_of_its_own() -> None:
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
            await until(lambda: recorded.roots)
    iterations = [span for span in recorded.spans if span.name.startswith("loop ")]
    assert [span.parent for span in iterations] == [None, None]
    assert {span.kind for span in iterations} == {SpanKind.INTERNAL}
    inner = [span.parent.span_id for span in recorded.spans if span.name == "inside" and span.parent]
    assert inner == [span.context.span_id for span in iterations]
    assert tidy.coro is coro


async def test_shards_are_told_apart() -> None:
    guilds = [Guild((snowflake() >> 22 << 22) + 0), Guild(((snowflake() >> 22) + 1) << 22)]
    bot = make_bot(commands.AutoShardedBot, shard_count=2)
    with Recorded() as recorded:
        async with running(bot, guilds=guilds, shards=2) as standin:
            for guild in guilds:
                await (await standin.slash("ok", guild=guild)).answered()
            await until(lambda: len(recorded.roots) == 2)
    seen = {
        int(str((s.attributes or {})[semconv.GUILD_ID])): (s.attributes or {})[semconv.SHARD_ID] for s in recorded.roots
    }
    assert seen == {guild.id: (guild.id >> 22) % 2 for guild in guilds}
    assert set(seen.values()) == {0, 1}


async def test_a_client_with_a_tree_and_no_commands_extension() -> None:
    client = discord.Client(intents=discord.Intents.none())
    tree = app_commands.CommandTree(client)

    @tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("pong")

    with Recorded() as recorded:
        async with running(client) as standin:
            await (await standin.slash("ping")).answered()
            await until(lambda: recorded.roots)
    assert [span.name for span in recorded.roots] == ["slash ping"]


async def test_plain_messages_make_no_spans() -> None:
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            for _ in range(20):
                await standin.message("just talking", prefix=False, guild=GUILD)
            await (await standin.message("!p_ok", guild=GUILD)).answered()
            await until(lambda: recorded.roots)
    assert [span.name for span in recorded.roots] == ["prefix p_ok"]


async def test_names_and_ids_are_dropped_for_every_exporter() -> None:
    environ = {"SLASHSPAN_USER_IDS": "drop", "SLASHSPAN_USER_NAMES": "drop"}
    with Recorded(environ=environ) as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            action = await standin.slash("ok", guild=GUILD)
            await action.answered()
            await until(lambda: recorded.roots)
    text = "".join(span.to_json() for span in recorded.spans)
    assert action.user.name not in text
    assert str(action.user.id) not in text


async def test_an_action_that_never_got_its_turn_is_told_at_the_end() -> None:
    bot = make_bot()
    forever = asyncio.Event()

    @bot.tree.command()
    async def hangs(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await forever.wait()

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await (await standin.slash("hangs", guild=GUILD)).acknowledged()
            assert recorded.roots == []
    assert [(span.attributes or {})[semconv.OUTCOME] for span in recorded.roots] == ["interrupted"]
    forever.set()


def test_a_version_outside_is_refused(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("telemetry.instrumentor._instruments", ("discord.py >= 99",))
    DiscordInstrumentor().instrument()
    assert "discord.py" in caplog.text
    assert not DiscordInstrumentor().is_instrumented_by_opentelemetry


def test_a_failing_patch_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = class_attributes()
    real, count = Patches.wrap, iter(range(100))

    def wrap(self: Patches, *arguments: Any) -> None:
        if next(count) == 7:
            raise AttributeError("not in this discord.py")
        real(self, *arguments)

    monkeypatch.setattr(Patches, "wrap", wrap)
    with pytest.raises(AttributeError, match="not in this"):
        DiscordInstrumentor().instrument(tracer_provider=trace.NoOpTracerProvider(), settings=QUIET)
    after = class_attributes()
    assert [key for key, value in before.items() if after.get(key, value) is not value] == []
    assert action_module.current_action.get() is None


async def test_tokens_are_nowhere_also_with_the_aiohttp_instrumentation_on() -> None:
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
                await until(lambda: recorded.roots)
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
