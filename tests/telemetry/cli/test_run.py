"""`slashspan run`: an unchanged bot is recorded, and its rows are in the table however it ends."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from discord_standin import Guild, snowflake

from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_outcomes, read_rows

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

GUILD = Guild(snowflake())
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


async def test_a_bot_that_imports_nothing_of_ours_is_recorded(dsn: str, tmp_path: Path) -> None:
    async with bot_process([*RUN, PLAIN, "a", "--b"], tmp_path, {"SLASHSPAN_DSN": dsn}, guilds=[GUILD]) as bot:
        sent = [
            await bot.discord.slash("unknown", guild=GUILD),
            await bot.discord.slash("ping", guild=GUILD),
            await bot.discord.slash("team info"),
            await bot.discord.message("!pong", guild=GUILD),
        ]
        for action in sent[1:]:
            await action.answered()
        await bot.interrupt()
        assert await bot.ended() == 0
    assert "arguments: ['a', '--b'] main: __main__" in bot.output
    found = {row["interaction_id"]: row for row in read_rows(dsn)}
    assert [(found[a.id]["kind"], found[a.id]["command"], found[a.id]["outcome"]) for a in sent] == [
        ("slash", "", "not_found"),
        ("slash", "ping", "ok"),
        ("slash", "team info", "ok"),
        ("prefix", "pong", "ok"),
    ]
    assert {row["service_name"] for row in found.values()} == {"plain"}
    assert {row["discord_uid"] for row in found.values()} == {sent[1].user.id}


async def test_with_no_settings_the_rows_are_in_the_working_directory(tmp_path: Path) -> None:
    async with bot_process([*RUN, PLAIN], tmp_path) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    assert read_outcomes(f"sqlite:///{tmp_path / 'command_calls.db'}") == [("slash", "ping", "ok")]


async def test_with_exporter_none_nothing_is_wrapped_or_started(tmp_path: Path) -> None:
    async with bot_process([*RUN, PLAIN], tmp_path, {"OTEL_TRACES_EXPORTER": "none"}) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0
    assert list(tmp_path.iterdir()) == []


async def test_a_module_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "__main__.py").write_text(Path(PLAIN).read_text("utf-8"), "utf-8")
    async with bot_process([*RUN, "-m", "ours", "x"], tmp_path) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    assert "arguments: ['x'] main: __main__" in bot.output
    (row,) = read_rows(f"sqlite:///{tmp_path / 'command_calls.db'}")
    assert row["service_name"] == "ours"


async def test_an_env_file_sets_what_the_environment_does_not(tmp_path: Path) -> None:
    env = tmp_path / "test.env"
    env.write_text(
        "SLASHSPAN_DSN=sqlite:///from_file.db\nOTEL_SERVICE_NAME=from-file\nSLASHSPAN_USER_NAMES=drop\n", "utf-8"
    )
    command = [*RUN, "--env-file", str(env), PLAIN]
    async with bot_process(command, tmp_path, {"OTEL_SERVICE_NAME": "from-environment"}) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    (row,) = read_rows(f"sqlite:///{tmp_path / 'from_file.db'}")
    assert row["service_name"] == "from-environment"
    assert row["player_name"] == ""


@posix
@pytest.mark.parametrize("how", ["interrupt", "terminate", "exit"])
async def test_rows_are_in_postgresql_when_the_bot_has_ended(
    how: str, server: Postgres, database: str, tmp_path: Path
) -> None:
    # Batches are a minute apart: what is in the table was written at the end. For SQLite see test_endings.py.
    dsn = server.dsn(database)
    async with bot_process([*RUN, PLAIN], tmp_path, {"SLASHSPAN_DSN": dsn, "OTEL_BSP_SCHEDULE_DELAY": "60000"}) as bot:
        await (await bot.discord.slash("ping")).answered()
        await (await bot.discord.slash("hang")).acknowledged()
        await bot.discord.idle()
        await bot.end(how)
    assert {("slash", "ping", "ok"), ("slash", "hang", "cancelled")} <= set(read_outcomes(dsn)), bot.output


@posix
async def test_configure_can_handle_sigterm(tmp_path: Path) -> None:
    script = tmp_path / "bot.py"
    first = 'import slashspan\nhandle = slashspan.configure(service_name="own", handle_sigterm=True)\n'
    script.write_text(first + Path(PLAIN).read_text("utf-8"), "utf-8")
    async with bot_process([str(script)], tmp_path, {"OTEL_BSP_SCHEDULE_DELAY": "60000"}) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.discord.idle()
        bot.signal(signal.SIGTERM)
        await bot.ended()
    assert read_outcomes(f"sqlite:///{tmp_path / 'command_calls.db'}") == [("slash", "ping", "ok")], bot.output


async def test_opentelemetry_instrument_records_the_bot(dsn: str, tmp_path: Path) -> None:
    environ = {
        "SLASHSPAN_DSN": dsn,
        "OTEL_TRACES_EXPORTER": "command_calls",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": "auto",
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
    }
    command = [str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable, PLAIN]
    async with bot_process(command, tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await (await bot.discord.message("!pong")).answered()
        await bot.interrupt()
        await bot.ended()
    assert read_outcomes(dsn) == [("slash", "ping", "ok"), ("prefix", "pong", "ok")], bot.output
    assert {row["service_name"] for row in read_rows(dsn)} == {"auto"}


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        (["nosuch.py"], {}, ["nosuch.py", "no such file"]),
        (["nosuch.module"], {}, ["nosuch.module", "no such file", "slashspan run -m nosuch.module"]),
        (["--dsn", "sqlite:///x", PLAIN], {}, ["No such option: --dsn", "environment", "--env-file"]),
        ([], {}, ["Name the bot"]),
        ([PLAIN], {"OTEL_TRACES_EXPORTER": "zipline"}, ["OTEL_TRACES_EXPORTER", "zipline", "otlp", "console", "none"]),
        ([PLAIN], {"SLASHSPAN_DSN": "mysql://x"}, ["SLASHSPAN_DSN", "mysql://x", "sqlite:///", "postgresql://"]),
        ([PLAIN], {"SLASHSPAN_DSN": "postgresql://u:geheim@h:port/d"}, ["SLASHSPAN_DSN", "u:…@h"]),
        ([PLAIN], {"OTEL_BSP_SCHEDULE_DELAY": "soon"}, ["OTEL_BSP_SCHEDULE_DELAY", "soon", "whole number"]),
        (["--env-file", "nosuch.env", PLAIN], {}, ["nosuch.env", "no such file"]),
    ],
)
async def test_wrong_input_is_reported_in_one_line(
    arguments: list[str], environ: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    with pytest.raises(AssertionError) as caught:
        async with bot_process([*RUN, *arguments], tmp_path, environ):
            pass
    text = str(caught.value)
    assert all(word in text for word in expected), text
    assert "Traceback" not in text
    assert "geheim" not in text


async def test_a_bot_with_a_module_named_slashspan_is_told_to_rename_it(tmp_path: Path) -> None:
    (tmp_path / "slashspan.py").write_text("", "utf-8")
    (tmp_path / "bot.py").write_text("", "utf-8")
    with pytest.raises(AssertionError, match=r"'slashspan'.*rename it"):
        async with bot_process([*RUN, str(tmp_path / "bot.py")], Path.cwd()):
            pass
