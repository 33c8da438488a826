"""The pictures of the documentation: charts and the page, of a plausible quarter. `make screenshots`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.support import ROOT
from tests.support.chromium import ARGUMENTS, CHROMIUM

IMAGES: Final = ROOT / "docs" / "images"
CHARTS: Final = ("retention", "acknowledgements")
SIZE: Final = {"width": 1280, "height": 1180}
DRAWN: Final = ("calls", "commands", "hours")
"""What is to be seen on the page's first screen."""


def slashspan(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "slashspan", *arguments], check=True)  # noqa: S603 - our own


async def photograph(dsn: str) -> None:
    """The page, as a visitor first sees it."""
    from playwright.async_api import async_playwright

    command = [sys.executable, "-m", "slashspan", "dashboard", "--port", "0", "--title", "Ladder bot", "--dsn", dsn]
    served = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert served.stdout is not None
    address = (await served.stdout.readline()).decode().split()[4]
    try:
        async with async_playwright() as driver:
            chromium = await driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            page = await chromium.new_page(viewport={"width": SIZE["width"], "height": SIZE["height"]})
            await page.goto(f"{address}/?since=30d")
            for name in DRAWN:
                await page.locator(f"#{name}[data-state=drawn]").wait_for(timeout=60_000)
            await page.locator("#summary[data-state=drawn]").wait_for()
            await page.screenshot(path=IMAGES / "dashboard.png")
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
