"""A chart drawn in a process of its own: a PNG, or a line in the log, and never a process that is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from slashspan.insights.charts.drawing import Drawing
from slashspan.insights.charts.render import can_render, png_in_process
from slashspan.insights.charts.shapes import LABEL
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from pathlib import Path

BARS = Drawing(
    "Three <b>bars</b>",
    {
        "data": {"values": [{LABEL: name, "n": n} for n, name in enumerate("abc")]},
        "mark": "bar",
        "encoding": {"y": {"field": LABEL, "type": "nominal"}, "x": {"field": "n", "type": "quantitative"}},
    },
)
SLOW = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(1000)"


def commandline(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


async def test_the_other_process_needs_neither_the_environment_nor_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the bot, on PYTHONPATH under `slashspan run`, could have anything in it."""
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(3)")
    (tmp_path / "vl_convert.py").write_text("raise SystemExit(4)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    picture = await png_in_process(BARS)
    assert picture is not None
    assert picture.startswith(b"\x89PNG\r\n")


async def test_what_fails_is_logged_and_no_picture(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    assert await png_in_process(Drawing("No calls", None)) is None
    assert caplog.messages == []
    for program, words in (
        ((sys.executable, "-c", "raise ValueError('no font')"), "no chart: ValueError: no font"),
        ((sys.executable, "-c", "import os; os._exit(9)"), "no chart: exit status 9"),
        ((str(tmp_path / "missing"),), "cannot be started"),
    ):
        assert await png_in_process(BARS, program=program) is None
        assert words in caplog.messages[-1]


async def test_a_process_that_takes_too_long_or_is_not_wanted_any_more_is_killed(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    slow = (sys.executable, "-c", SLOW, str(tmp_path / "started"))
    assert await png_in_process(BARS, program=slow, seconds=0.01) is None
    assert caplog.messages == ["no chart: drawing it took more than 0.01 s"]
    (tmp_path / "started").unlink(missing_ok=True)
    at_once = asyncio.create_task(png_in_process(BARS, program=slow))
    await asyncio.sleep(0)  # in the middle of its start
    at_once.cancel()
    task = asyncio.create_task(png_in_process(BARS, program=slow))
    await until_async(lambda: (tmp_path / "started").exists())
    task.cancel()
    for each in (at_once, task):
        with pytest.raises(asyncio.CancelledError):
            await each
    await until_async(lambda: not [1 for each in psutil.Process().children() if SLOW in commandline(each)])


def test_a_frozen_program_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_render()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert not can_render()
