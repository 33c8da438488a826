"""The page in Chromium, of which each process of the run starts one: that takes longer than most tests.

Skipped without the dependency group `browser` or without Chromium; `.ci/run` installs both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.chromium import ARGUMENTS, CHROMIUM
from tests.support.history import store_history
from tests.support.visitors import visits_with

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.visitors import Visit


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Any]:
    for module in ("playwright", "axe_playwright_python"):
        pytest.importorskip(module, reason="the group `browser` is not installed")
    playwright = pytest.importorskip("playwright.async_api")
    async with playwright.async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield running
        await running.close()


@pytest.fixture
def visit(browser: Any) -> Visit:
    return visits_with(browser)


@pytest.fixture(scope="session")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with calls of 45 days, which tests only read."""
    return store_history(tmp_path_factory.mktemp("history") / "calls.db")
