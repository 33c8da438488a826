"""`opentelemetry-instrument python bot.py`: the recording of `slashspan run`, whatever else is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.processes import INSTRUMENT, PLAIN, bot_process
from tests.support.stored_rows import read_outcomes, read_rows

OURS = {"OTEL_PYTHON_DISTRO": "slashspan", "OTEL_BSP_SCHEDULE_DELAY": "60000"}
"""opentelemetry-distro is installed here too, so the choice is made. Batches are a minute apart."""
LAUNCHER = str(ROOT / "tests" / "bots" / "launcher.py")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


def calls(folder: Path) -> list[tuple[str, str]]:
    return sorted((row["command"], row["outcome"]) for row in read_rows(f"sqlite:///{folder / 'command_calls.db'}"))


@posix
async def test_a_bot_that_is_forked_before_discord_is_imported_is_recorded(tmp_path: Path) -> None:
    async with bot_process([INSTRUMENT, sys.executable, LAUNCHER, "fork"], tmp_path, OURS) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.discord.slash("leave")
        assert await bot.ended() == 0, bot.output
    assert calls(tmp_path) == [("leave", "ok"), ("ping", "ok")], bot.output
    assert {row["service_name"] for row in read_rows(f"sqlite:///{tmp_path / 'command_calls.db'}")} == {"launcher"}


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        ({"OTEL_PYTHON_DISTRO": "slashspan"}, []),
        ({"OTEL_PYTHON_DISTRO": "distro", "OTEL_PYTHON_CONFIGURATOR": "slashspan"}, []),
        ({"OTEL_PYTHON_DISTRO": "slashspan", "OTEL_PYTHON_CONFIGURATOR": "configurator"}, ["memory of that processor"]),
        ({"OTEL_PYTHON_DISTRO": "distro"}, ["memory of that processor"]),
    ],
    ids=["our distro", "our configurator", "their configurator", "their distro"],
)
async def test_another_distro_is_chosen_by_the_standard_variables(
    environ: dict[str, str], warned: list[str], tmp_path: Path
) -> None:
    environ = {
        "OTEL_TRACES_EXPORTER": "command_calls",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        **environ,
    }
    async with bot_process([INSTRUMENT, sys.executable, PLAIN], tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    assert calls(tmp_path) == [("ping", "ok")], bot.output
    assert ("memory of that processor" in bot.output) == bool(warned), bot.output
    assert {row["service_name"] for row in read_rows(f"sqlite:///{tmp_path / 'command_calls.db'}")} == {"plain"}


async def test_a_disabled_instrumentation_records_nothing(tmp_path: Path) -> None:
    environ = {**OURS, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "discord"}
    async with bot_process([INSTRUMENT, sys.executable, PLAIN], tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    assert not (tmp_path / "command_calls.db").exists()


async def test_a_wrong_setting_is_one_line_and_the_bot_runs(tmp_path: Path) -> None:
    environ = {**OURS, "SLASHSPAN_USER_IDS": "some"}
    async with bot_process([INSTRUMENT, sys.executable, PLAIN], tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    assert "SLASHSPAN_USER_IDS='some': must be one of" in bot.output
    assert "Traceback" not in bot.output


async def test_the_module_names_the_service(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "ladder.py").write_text(Path(PLAIN).read_text("utf-8"), "utf-8")
    async with bot_process([INSTRUMENT, sys.executable, "-m", "ours.ladder"], tmp_path, OURS) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    dsn = f"sqlite:///{tmp_path / 'command_calls.db'}"
    assert read_outcomes(dsn) == [("slash", "ping", "ok")], bot.output
    assert {row["service_name"] for row in read_rows(dsn)} == {"ours.ladder"}
