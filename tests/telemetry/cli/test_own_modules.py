"""A bot may have modules with the names of our packages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_outcomes

NAMES: Final = ("telemetry", "exporters", "insights")
FORMS: Final = ("module", "package", "folder without __init__")
FIRST_LINES: Final = """import sys
sys.path[:0] = {path!r}
import exporters.own, insights.own, telemetry.own
print("own:", exporters.own.NAME, insights.own.NAME, telemetry.own.NAME)
"""


def create(folder: Path, name: str, form: str) -> None:
    """Creates `name` with an `own` in it."""
    code = f"NAME = {name!r}\n"
    if form == "module":
        own = f"own = sys.modules['{name}.own'] = sys.modules[__name__]\n"
        (folder / f"{name}.py").write_text(f"import sys\n{code}{own}", "utf-8")
        return
    (folder / name).mkdir()
    (folder / name / "own.py").write_text(code, "utf-8")
    if form == "package":
        (folder / name / "__init__.py").write_text("", "utf-8")


STARTS: Final = {
    "plain": [],
    "slashspan run": RUN,
    "opentelemetry-instrument": [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable],
    "configure": [],
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("folder", [".", "src"])
async def test_modules_of_the_bot_win_and_its_actions_are_recorded(start: str, folder: str, tmp_path: Path) -> None:
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    turn = list(STARTS).index(start) + (folder == "src")  # each name takes each form in some case
    for number, name in enumerate(NAMES):
        create(place, name, FORMS[(number + turn) % len(FORMS)])
    first = FIRST_LINES.format(path=["src"] if folder == "src" else [])
    if start == "configure":
        first += "import slashspan\nslashspan.configure()\n"
    (tmp_path / "bot.py").write_text(first + Path(PLAIN).read_text("utf-8"), "utf-8")
    async with bot_process([*STARTS[start], "bot.py"], tmp_path) as bot:
        await (await bot.discord.slash("ping")).answered()
        status = await bot.end("close")
    assert status == 0, bot.output
    assert "own: exporters insights telemetry" in bot.output
    recorded = tmp_path / "command_calls.db"
    assert recorded.exists() == (start != "plain")
    if start != "plain":
        assert ("slash", "ping", "ok") in read_outcomes(f"sqlite:///{recorded}")
