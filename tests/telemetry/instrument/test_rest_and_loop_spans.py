"""Spans of REST requests and of loops: their attributes, the hooks of the bot's author, and how to do without."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord.ext import tasks
from opentelemetry.trace import get_current_span

from slashspan import DiscordInstrumentor
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


async def say_ok(recorded: Recorded) -> list[ReadableSpan]:
    """The REST spans of one command."""
    async with running(make_bot(), guilds=[GUILD]) as standin:
        await (await standin.slash("ok", guild=GUILD)).answered()
        await until_async(lambda: recorded.roots)
    return [span for span in recorded.spans if "url.template" in (span.attributes or {})]


async def test_a_rest_span_names_the_server_and_no_resend_that_did_not_happen() -> None:
    with Recorded() as recorded:
        requests = await say_ok(recorded)
    assert requests
    for span in requests:
        attributes = dict(span.attributes or {})
        assert attributes["server.address"] == "127.0.0.1"
        assert "http.request.resend_count" not in attributes


async def test_hooks_see_the_span_of_each_request() -> None:
    def on_request(span: Any, route: discord.http.Route) -> None:
        span.set_attribute("bot.path", route.path)

    def on_response(span: Any, status: int | None) -> None:
        span.set_attribute("bot.status", status or 0)

    recorded = Recorded()
    settings = recorded._settings
    DiscordInstrumentor().instrument(
        tracer_provider=recorded.provider, settings=settings, request_hook=on_request, response_hook=on_response
    )
    try:
        requests = await say_ok(recorded)
    finally:
        DiscordInstrumentor().uninstrument()
    assert requests
    for span in requests:
        attributes = dict(span.attributes or {})
        assert attributes["bot.path"] == attributes["url.template"]
        assert attributes["bot.status"] == attributes["http.response.status_code"]


async def test_a_hook_that_fails_is_logged_and_the_request_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("of the hook")

    recorded = Recorded()
    DiscordInstrumentor().instrument(
        tracer_provider=recorded.provider, settings=recorded._settings, request_hook=fails, response_hook=fails
    )
    try:
        assert await say_ok(recorded)
    finally:
        DiscordInstrumentor().uninstrument()
    assert "a hook of DiscordInstrumentor failed" in caplog.text


async def test_rest_spans_can_be_turned_off() -> None:
    with Recorded(environ={"SLASHSPAN_REST_SPANS": "false"}) as recorded:
        assert await say_ok(recorded) == []
        (root,) = recorded.roots
    assert root.name == "slash ok"


async def test_loop_spans_can_be_turned_off_and_loops_keep_a_context_of_their_own() -> None:
    current: list[bool] = []

    @tasks.loop(seconds=0, count=2)
    async def chore() -> None:
        current.append(get_current_span().get_span_context().is_valid)

    with Recorded(environ={"SLASHSPAN_LOOP_SPANS": "false"}) as recorded:
        with recorded.provider.get_tracer("bot").start_as_current_span("of the bot"):
            await asyncio.wait_for(chore.start(), 20)
    assert current == [False, False]
    assert [span.name for span in recorded.spans] == ["of the bot"]
