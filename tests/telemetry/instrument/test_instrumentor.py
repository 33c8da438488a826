"""Works like any OpenTelemetry instrumentation: uses what is passed, can be enabled late and twice, and disabled."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands
from discord.ext import commands
from discord_standin import Guild, snowflake
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from slashspan import DiscordInstrumentor, semconv
from slashspan.settings import Settings
from slashspan.telemetry.instrument import action as action_module
from slashspan.telemetry.instrument.patching import Patches
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import ALL, GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async


def class_attributes() -> dict[tuple[str, str], object]:
    """Every function of every class of discord, aiohttp and the bot, at present."""
    found: dict[tuple[str, str], object] = {}
    for cls in [obj for obj in gc.get_objects() if isinstance(obj, type)]:
        module = str(cls.__module__)
        if module.split(".", maxsplit=1)[0] in ("discord", "aiohttp") or module == "tests.support.actions.bot":
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
            await until_async(lambda: len(recorded.roots) >= len(standin.ledger.actions))
        assert vars(aiohttp.ClientSession)["_request"] is not before[_key(aiohttp.ClientSession), "_request"]
    after = class_attributes()
    changed = [key for key, value in before.items() if after.get(key, value) is not value]
    assert changed == []


def _key(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}@{id(cls)}"


async def test_a_bot_that_is_already_connected_is_recorded() -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        await (await standin.slash("ok", guild=GUILD)).answered()
        with Recorded() as recorded:
            await standin.slash("ok", guild=GUILD)
            await standin.message("!p_ok", guild=GUILD)
            await until_async(lambda: len(recorded.roots) == 2)
        await (await standin.slash("ok", guild=GUILD)).answered()
        assert len(recorded.roots) == 2


async def test_instrumenting_twice_records_once(caplog: pytest.LogCaptureFixture) -> None:
    with Recorded() as recorded:
        DiscordInstrumentor().instrument(tracer_provider=recorded.provider)
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("ok", guild=GUILD)).answered()
            await until_async(lambda: recorded.roots)
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
            await until_async(lambda: len(recorded.roots) == 2)
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
    # Every declared metric is emitted (except for rate limits, of which there were none), and none names anybody.
    assert set(metrics) >= {"discord.interaction.duration", "discord.interaction.ack.duration"}
    for metric in metrics.values():
        for point in metric.data.data_points:
            assert not any("user" in key or "guild" in key or "channel" in key for key in point.attributes or {})


async def test_each_action_has_the_shard_that_delivered_it() -> None:
    stamp = snowflake() >> 22  # The same timestamp for both, because it decides the shard.
    guilds = [Guild(stamp << 22), Guild((stamp + 1) << 22)]
    bot = make_bot(commands.AutoShardedBot, shard_count=2)
    with Recorded() as recorded:
        async with running(bot, guilds=guilds, shards=2) as standin:
            for guild in guilds:
                await (await standin.slash("ok", guild=guild)).answered()
            await until_async(lambda: len(recorded.roots) == 2)
    seen = {
        int(str((s.attributes or {})[semconv.GUILD_ID])): (s.attributes or {})[semconv.SHARD_ID] for s in recorded.roots
    }
    assert seen == {guild.id: (guild.id >> 22) % 2 for guild in guilds}
    assert set(seen.values()) == {0, 1}


async def test_a_client_without_the_commands_extension_is_recorded() -> None:
    client = discord.Client(intents=discord.Intents.none())
    tree = app_commands.CommandTree(client)

    @tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("pong")

    with Recorded() as recorded:
        async with running(client) as standin:
            await (await standin.slash("ping")).answered()
            await until_async(lambda: recorded.roots)
    assert [span.name for span in recorded.roots] == ["slash ping"]


async def test_plain_messages_make_no_spans() -> None:
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            for _ in range(20):
                await standin.message("just talking", prefix=False, guild=GUILD)
            await (await standin.message("!p_ok", guild=GUILD)).answered()
            await until_async(lambda: recorded.roots)
    assert [span.name for span in recorded.roots] == ["prefix p_ok"]


async def test_names_and_ids_are_dropped_for_every_exporter() -> None:
    environ = {"SLASHSPAN_USER_IDS": "drop", "SLASHSPAN_USER_NAMES": "drop"}
    with Recorded(environ=environ) as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            action = await standin.slash("ok", guild=GUILD)
            await action.answered()
            await until_async(lambda: recorded.roots)
    text = "".join(span.to_json() for span in recorded.spans)
    assert action.user.name not in text
    assert str(action.user.id) not in text


async def test_an_action_that_is_still_open_at_the_end_is_recorded_as_interrupted() -> None:
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


def test_an_unsupported_version_is_refused(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("slashspan.telemetry.instrument.instrumentor._instruments", ("discord.py >= 99",))
    DiscordInstrumentor().instrument()
    assert "discord.py" in caplog.text
    assert not DiscordInstrumentor().is_instrumented_by_opentelemetry


@pytest.mark.parametrize("raises", ["true", "false"])
def test_a_hook_that_does_not_fit_this_discord_py_is_left_out_as_a_whole(
    raises: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = class_attributes()
    real = Patches.replace

    def replace(self: Patches, owner: type, name: str, *arguments: Any, **options: Any) -> None:
        if name == "dispatch_modal":
            raise AttributeError("no dispatch_modal there")
        real(self, owner, name, *arguments, **options)

    monkeypatch.setattr(Patches, "replace", replace)
    settings = Settings.from_environ({"SLASHSPAN_RAISE_INTERNAL_ERRORS": raises})
    instrumentor = DiscordInstrumentor()
    if raises == "true":
        with pytest.raises(RuntimeError, match="not recorded: components, modals"):
            instrumentor.instrument(tracer_provider=trace.NoOpTracerProvider(), settings=settings)
    else:
        instrumentor.instrument(tracer_provider=trace.NoOpTracerProvider(), settings=settings)
        assert [record.message for record in caplog.records if record.name == "slashspan"] == [
            f"unsupported discord.py {discord.__version__}: not recorded: components, modals (no dispatch_modal there)"
        ]
        store = discord.ui.view.ViewStore
        assert vars(store)["dispatch_view"] is before[_key(store), "dispatch_view"], "rolled back with the rest"
        assert vars(discord.Client)["_schedule_event"] is not before[_key(discord.Client), "_schedule_event"]
        instrumentor.uninstrument()
    after = class_attributes()
    assert [key for key, value in before.items() if after.get(key, value) is not value] == []
    assert action_module.current_action.get() is None
