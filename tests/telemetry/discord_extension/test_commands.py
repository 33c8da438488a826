"""`/slashspan …` in a real client: who may ask, what is answered, and what is left alone."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import sqlite3
import sys
import threading
import weakref
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord.ext import commands
from discord_standin import StandIn, User
from discord_standin.people import NAMES

from slashspan.insights import Filters
from slashspan.telemetry.instrument.privacy import pseudonym
from tests.support import ROOT
from tests.support.bots import running
from tests.support.documents import REDIRECTED, blocks
from tests.support.processes import bot_process
from tests.support.rows import FULL
from tests.support.stored_rows import read_outcomes, write_rows
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from discord_standin.ledger import Action

EXTENSION = "slashspan.telemetry.discord_extension"
NELLY = User(80351110224678912, "nelly")
OWN = User(FULL.discord_uid, "own")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def called(number: int, **changes: Any) -> Any:
    """A call `number` minutes ago."""
    at = datetime.now(timezone.utc) - timedelta(minutes=number)
    return dataclasses.replace(
        FULL, span_id=number, called_at=(at - EPOCH) // timedelta(microseconds=1), **{"outcome": "ok", **changes}
    )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a store that the settings name, without a table."""
    found = f"sqlite:///{tmp_path / 'calls.db'}"
    monkeypatch.setenv("SLASHSPAN_DSN", found)
    return found


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without vl-convert."""
    monkeypatch.setattr("slashspan.insights.charts.render.can_render", lambda: False)


@contextlib.asynccontextmanager
async def loaded() -> AsyncIterator[tuple[StandIn, commands.Bot]]:
    bot = commands.Bot("!", intents=discord.Intents.default(), help_command=None)
    await bot.load_extension(EXTENSION)
    async with running(bot) as standin:
        yield standin, bot


async def asked(standin: StandIn, what: str, **more: Any) -> Action:
    action = await standin.slash(f"slashspan {what}", **more)
    await action.answered(60)
    assert action.ephemeral
    assert action.messages[-1]["flags"] & 64
    return action


def embed_of(action: Action) -> discord.Embed:
    (found,) = action.messages[-1]["embeds"]
    embed = discord.Embed.from_dict(found)
    assert len(embed) <= 6000
    assert len(embed.fields) <= 25
    assert len(embed.description or "") <= 4096
    assert len(embed.title or "") <= 256
    assert all(field.value and field.name and len(field.value) <= 1024 for field in embed.fields)
    return embed


def fields_of(action: Action) -> dict[str, str]:
    return {str(field.name): str(field.value) for field in embed_of(action).fields}


async def test_the_owner_sees_numbers_and_a_chart_and_the_loop_waits_for_neither(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queries are in another thread, the drawing in another process."""
    write_rows(store, [called(n, command="play" if n > 9 else "stop") for n in range(30)])
    threads: set[int] = set()
    connect = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        threads.add(threading.get_ident())
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(lambda _: threads.add(threading.get_ident()))
        return connection

    def drawn(*_: Any, **__: Any) -> bytes:
        raise AssertionError("drawn in the bot's process")

    monkeypatch.setattr("sqlite3.connect", connected)
    monkeypatch.setattr("vl_convert.vegalite_to_png", drawn)
    async with loaded() as (standin, _):
        action = await asked(standin, "summary", options={"period": "24h"})
    assert [call.type for call in action.calls if call.route == "callback"] == [5]  # deferred
    embed = embed_of(action)
    assert embed.title == "Commands, last 24 hours"
    fields = fields_of(action)
    assert fields["calls"] == "**30**"
    assert fields["users"] == "**1**"
    assert fields["Most used"].splitlines()[0].startswith("/play: 20 calls, 95 % ≤ 12.5 ms")
    assert embed.image.url == "attachment://chart.png"
    assert action.files["chart.png"].startswith(b"\x89PNG\r\n")
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.usefixtures("no_charts")
@pytest.mark.parametrize("zone", ["", "Pacific/Kiritimati", "Pacific/Niue"])
async def test_days_begin_in_the_zone_of_the_settings(zone: str, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLASHSPAN_ZONE", zone)
    first = Filters.last("7d", zone=zone or "UTC").since
    assert first is not None
    begin_us = (first - EPOCH) // timedelta(microseconds=1)
    write_rows(store, [dataclasses.replace(called(n), called_at=begin_us + n) for n in (-1, 0, 1)])
    async with loaded() as (standin, _):
        for what, options in (("summary", {}), ("command", {"name": FULL.command}), ("user", {"user": OWN})):
            action = await asked(standin, what, options={**options, "period": "7d"})
            assert fields_of(action)["calls"] == "**2**"
            assert embed_of(action).footer.text == f"Commands only, days in {zone or 'UTC'}"


@pytest.mark.usefixtures("no_charts")
async def test_nobody_else_is_answered(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(store, [called(1)])
    monkeypatch.setattr("sqlite3.connect", None)  # nothing is read
    async with loaded() as (standin, _):
        for what, options in (("summary", {}), ("command", {"name": "play"}), ("user", {"user": NELLY})):
            action = await asked(standin, what, options=options, user=NELLY)
            assert action.messages[-1]["content"] == "Only the owner of this bot can ask that."
            assert len(action.messages) == 1
        action = await standin.autocomplete("slashspan command", "name", "", user=NELLY)
        await action.acknowledged()
        assert action.choices == []


@pytest.mark.usefixtures("no_charts")
async def test_a_command_its_exceptions_and_steps(store: str) -> None:
    failed = [called(n, outcome="error", error_type="builtins.KeyError") for n in range(1, 5)]
    write_rows(store, [*failed, called(6), called(7, command="play")])
    async with loaded() as (standin, _):
        action = await asked(standin, "command", options={"name": "/admin ban"})
        nothing = await asked(standin, "command", options={"name": "no such"})
        summary = await asked(standin, "summary")
    fields = fields_of(action)
    assert embed_of(action).title == "admin ban, last 7 days"
    assert fields["calls"] == "**5**"
    assert fields["errors"] == "**80.0 %**"
    assert fields["Ended"] == "error: 4, 80.0 %\nok: 1, 20.0 %"
    assert fields["Exceptions"].startswith("builtins.KeyError in /admin ban: 4, last <t:")
    assert fields["Checkpoints, the slowest first"].startswith("rows\\_fetched: half ≤ 1.5 ms")
    assert action.files == {}
    assert embed_of(action).image.url is None
    assert str(embed_of(nothing).description).startswith("No calls in this period. The bot has no slash command")
    assert "80.0 % of /admin ban failed in the last hour: KeyError" in str(embed_of(summary).description)
    assert fields_of(summary)["Errors, the clearest first"].startswith("/admin ban: 80.0 % of 5 calls")


@pytest.mark.usefixtures("no_charts")
async def test_a_user_is_found_by_id_and_by_pseudonym(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLASHSPAN_DSN", dsn)
    hashed = pseudonym(NELLY.id, "key")
    await asyncio.to_thread(
        write_rows, dsn, [called(1), called(2, discord_uid=hashed), called(3, discord_uid=7), called(4, discord_uid=0)]
    )
    async with loaded() as (standin, _):
        plain = await asked(standin, "user", options={"user": NELLY})
        monkeypatch.setenv("SLASHSPAN_USER_ID_KEY", "key")
        both = await asked(standin, "user", options={"user": NELLY})
        stranger = await asked(standin, "user", options={"user": User(5, "*stranger*")})
        monkeypatch.setenv("SLASHSPAN_USER_IDS", "drop")
        dropped = await asked(standin, "user", options={"user": User(5, "stranger")})
        suggested = await standin.autocomplete("slashspan command", "name", "adm")
        await suggested.acknowledged()
    assert suggested.choices == ["admin ban"]
    assert fields_of(plain)["calls"] == "**1**"
    assert fields_of(both)["calls"] == "**2**"
    assert len(fields_of(both)["Latest"].splitlines()) == 2
    assert str(hashed) not in str(both.messages)
    assert embed_of(stranger).title == "\\*stranger\\*, last 30 days"
    assert embed_of(stranger).footer.text is None
    assert str(embed_of(dropped).footer.text).startswith("SLASHSPAN_USER_IDS=drop")


@pytest.mark.usefixtures("no_charts")
async def test_names_that_users_wrote_are_only_text_and_fit(store: str) -> None:
    evil = [
        *NAMES,
        "@everyone",
        "<@80351110224678912>",
        "`` ` ``",
        "https://evil.example",
        "[a](https://b.example)",
        "# big\nline",
        "*" * 90,
    ]
    rows = [called(n + 1, command=name, kind="prefix", outcome="error", error_type=name) for n, name in enumerate(evil)]
    rows += [called(n + 100, command=f"{n} {'*_' * 150}", outcome="error", error_type="|" * 300) for n in range(300)]
    rows += [dataclasses.replace(row, span_id=row.span_id + 1000 * n) for row in list(rows) for n in (1, 2, 3)]
    write_rows(store, rows)
    async with loaded() as (standin, _):
        for what, options in (
            ("summary", {}),
            *(("command", {"name": name}) for name in evil),
            ("user", {"user": User(FULL.discord_uid, "<@80351110224678912> @everyone")}),
        ):
            embed = embed_of(await asked(standin, what, options=options))
            if what == "summary":
                assert sum("calls" in line for line in str(embed.fields[6].value).splitlines()) > 5
            texts = [embed.title or "", embed.description or "", *(str(field.value) for field in embed.fields)]
            for text in texts:
                for mark in ("@everyone", "<@", "\u202e", "`` `", "https://", " *"):
                    assert mark not in text.replace("\\<", "")
            assert not {line[:1] for text in texts for line in text.splitlines()} & {"#", ">"}


@pytest.mark.usefixtures("no_charts")
async def test_what_is_wrong_with_store_or_settings_is_one_sentence(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loaded() as (standin, _):
        action = await asked(standin, "summary")
        assert "does not exist yet" in action.messages[-1]["content"]
        sqlite3.connect(tmp_path / "calls.db").close()
        action = await asked(standin, "summary")
        assert "slashspan migrate" in action.messages[-1]["content"]
        write_rows(store, [])
        action = await asked(standin, "summary")
        assert embed_of(action).description == "No calls in this period."
        write_rows(store, [called(60 * 24 * 40)])
        action = await asked(standin, "summary")
        assert str(embed_of(action).description).startswith("No calls in this period. The last one was <t:")
        monkeypatch.setenv("SLASHSPAN_DSN", "mysql://root:secret@127.0.0.1/x")
        action = await asked(standin, "summary")
        assert action.messages[-1]["content"].startswith("SLASHSPAN\\_DSN='mysql")
        assert "secret" not in action.messages[-1]["content"]
        action = await standin.autocomplete("slashspan command", "name", "")
        await action.acknowledged()
        assert action.choices == []


@pytest.mark.usefixtures("no_charts")
async def test_commands_of_the_table_are_suggested(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(store, [called(n + 1, command=f"play {n}") for n in range(40)])
    write_rows(
        store,
        [
            called(100, command="stop play"),
            called(101, command="x" * 101),
            called(102, command="button", kind="component"),
            called(103, command="", kind="prefix"),
        ],
    )
    async with loaded() as (standin, _):
        found = []
        for typed in ("", "/PLAY 3", "stop", "x", "button"):
            action = await standin.autocomplete("slashspan command", "name", typed)
            await action.acknowledged()
            found.append(action.choices)
            monkeypatch.setattr("sqlite3.connect", None)  # asked once
    assert len(found[0]) == 25
    assert found[1] == ["play 3", *(f"play {n}" for n in range(30, 40))]
    assert found[2] == ["stop play"]
    assert found[3:] == [[], []]


@pytest.mark.usefixtures("no_charts")
async def test_an_error_of_our_own_is_logged_and_said(
    store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_rows(store, [called(1)])
    async with loaded() as (standin, _):
        monkeypatch.setattr(sys.modules[f"{EXTENSION}.answers"], "tiles", None)
        action = await asked(standin, "summary")
    assert action.messages[-1]["content"] == "That failed. The reason is in the bot's log."
    assert "/slashspan failed" in caplog.text


async def test_unloading_leaves_nothing(store: str) -> None:
    write_rows(store, [called(1)])
    async with loaded() as (standin, bot):
        command = bot.tree.get_command("slashspan")
        assert command is not None
        payload = command.to_dict(bot.tree)
        assert payload["default_member_permissions"] == discord.Permissions(administrator=True).value
        assert [option["name"] for option in payload["options"]] == ["summary", "command", "user"]
        assert standin.ledger.commands == []  # nothing is synced
        await asked(standin, "summary")
        await standin.idle()
        cog = weakref.ref(bot.cogs["SlashspanCog"])
        del command
        await bot.unload_extension(EXTENSION)
        assert bot.tree.get_commands() == []
        assert [name for name in sys.modules if name.startswith(EXTENSION)] == []
        gc.collect()
        assert cog() is None
    await until_async(lambda: not [each for each in threading.enumerate() if each.name.startswith("slashspan")])


@pytest.mark.timeout(180)
async def test_the_documented_bot_is_synced_and_records_what_its_owner_asks(store: str, tmp_path: Path) -> None:
    (example,) = (block for block in blocks(ROOT / "docs" / "charts.md") if block.file == "owner.py")
    (tmp_path / "owner.py").write_text(example.text, "utf-8")
    environ = {"SLASHSPAN_DSN": store, "DISCORD_TOKEN": "token", "PYTHONPATH": str(REDIRECTED)}
    async with bot_process(["owner.py"], tmp_path, environ) as bot:
        (group,) = bot.discord.ledger.commands
        assert (group["name"], len(group["options"])) == ("slashspan", 3)
        refused = await asked(bot.discord, "summary", user=NELLY)
        assert refused.messages[-1]["embeds"] == []
        await asked(bot.discord, "summary")
        await bot.interrupt()
        assert await bot.ended() == 0, bot.output
    assert read_outcomes(store) == [
        ("slash", "slashspan summary", "rejected"),
        ("slash", "slashspan summary", "ok"),
    ]
