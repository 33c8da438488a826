"""The pictures of the documentation: charts and the page, of a plausible quarter. `make screenshots`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.support import ROOT
from tests.support.chromium import ARGUMENTS, CHROMIUM

IMAGES: Final = ROOT / "docs" / "images"
CHARTS: Final = ("retention", "acknowledgements")
WIDTH: Final = 1280


@dataclass(frozen=True, slots=True)
class Page:
    """A picture of the first screen of a page."""

    file: str
    query: str
    height: int
    scheme: Literal["light", "dark"]
    drawn: tuple[str, ...]
    """The cards that are to be seen."""


PAGES: Final = (
    Page("dashboard.png", "?since=30d", 1180, "light", ("calls", "commands", "hours")),
    Page(
        "command.png",
        "?since=30d&command=leaderboard",
        1850,
        "dark",
        ("calls", "hours", "outcomes", "error-types", "failed", "duration-histogram", "checkpoints"),
    ),
)


def slashspan(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "slashspan", *arguments], check=True)  # noqa: S603 - our own


async def photograph(dsn: str) -> None:
    """The pages, as a visitor first sees them."""
    from playwright.async_api import async_playwright

    command = [sys.executable, "-m", "slashspan", "dashboard", "--port", "0", "--title", "Ladder bot", "--dsn", dsn]
    served = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert served.stdout is not None
    address = (await served.stdout.readline()).decode().split()[4]
    try:
        async with async_playwright() as driver:
            chromium = await driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            for picture in PAGES:
                page = await chromium.new_page(color_scheme=picture.scheme)
                await page.set_viewport_size({"width": WIDTH, "height": picture.height})
                await page.goto(f"{address}/{picture.query}")
                for name in picture.drawn:
                    await page.locator(f"#{name}[data-state=drawn]").wait_for(timeout=60_000)
                await page.locator("#summary[data-state=drawn]").wait_for()
                await page.locator("#live:not(.off)").wait_for()
                await page.screenshot(path=IMAGES / picture.file)
            await chromium.close()
    finally:
        served.terminate()
        await served.wait()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        dsn = f"sqlite:///{Path(folder) / 'calls.db'}"
        slashspan("demo", "--history", "90d", "--dsn", dsn)
        for name in CHARTS:
            slashspan("chart", name, str(IMAGES / f"{name}.svg"), "--since", "90d", "--width", "760", "--dsn", dsn)
        asyncio.run(photograph(dsn))


if __name__ == "__main__":
    main()
