"""Discord's REST API: the first acknowledgement, the time lost to rate limits, and a CLIENT span for each request.

discord.py sleeps before a request (the bucket, the global limit), between tries (429) and after it (an empty bucket);
a span around the HTTP call alone would miss all of that. Paths are templates: real paths contain interaction tokens.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import discord
from opentelemetry.instrumentation.utils import suppress_http_instrumentation
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import Status, StatusCode

from slashspan.guard import guarded
from telemetry.instrument import outcomes
from telemetry.instrument.action import current_action
from telemetry.instrument.hooks.rate_limits import RestCall, current_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from opentelemetry.trace import Span

    from telemetry.instrument.action import Recorder
    from telemetry.instrument.hooks.rate_limits import RateLimitHooks
    from telemetry.instrument.patching import Patches

    Wrapped = Callable[..., Awaitable[Any]]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]

CALLBACK_PATH: Final = "/interactions/{webhook_id}/{webhook_token}/callback"
UNKNOWN_INTERACTION: Final = 10062
ACK_KINDS: Final = {
    1: "pong",
    4: "message",
    5: "defer",
    6: "defer_update",
    7: "update",
    8: "autocomplete",
    9: "modal",
    10: "premium",
    12: "activity",
}
"""Callback types (https://discord.com/developers/docs/interactions/receiving-and-responding)."""


class RestHooks:
    """The wrappers, bound to one recorder. `spans`: create CLIENT spans, instead of only recording times."""

    def __init__(self, recorder: Recorder, limits: RateLimitHooks, *, spans: bool) -> None:
        self._recorder = recorder
        self._limits = limits
        self._spans = spans

    def install(self, patches: Patches) -> None:
        """Requests: acknowledgements and spans."""
        from discord.http import HTTPClient
        from discord.webhook.async_ import AsyncWebhookAdapter

        patches.wrap(HTTPClient, "request", self._request, reads=("route",))
        patches.wrap(AsyncWebhookAdapter, "request", self._request, reads=("route",))
        patches.wrap(aiohttp.ClientSession, "_request", self._try)

    async def _request(self, wrapped: Wrapped, client: Any, args: Args, kwargs: Kwargs) -> Any:
        route: discord.http.Route = args[0]
        call = RestCall(self._limits.on(client))
        token = current_call.set(call)
        span = self._start(route) if self._spans else None
        error: BaseException | None = None
        try:
            # The aiohttp instrumentation would record the real URL, including the token.
            with suppress_http_instrumentation():
                return await wrapped(*args, **kwargs)
        except BaseException as caught:
            error = caught
            raise
        finally:
            current_call.reset(token)
            self._finish(call, route, span, error, kwargs)

    async def _try(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Any:
        call = current_call.get()
        if call is None:
            return await wrapped(*args, **kwargs)
        self._resume(call)
        call.tries += 1
        started = time.perf_counter_ns()
        try:
            response = await wrapped(*args, **kwargs)
            self._answered(call, response)
            return response
        finally:
            call.answered_ns = time.perf_counter_ns()
            call.wire_ns += call.answered_ns - started

    @guarded
    def _resume(self, call: RestCall) -> None:
        call.resume()

    @guarded
    def _answered(self, call: RestCall, response: aiohttp.ClientResponse) -> None:
        call.answered(response)

    @guarded
    def _start(self, route: discord.http.Route) -> Span:
        return self._recorder.tracer.start_span(
            f"{route.method} {route.path}",
            kind=SpanKind.CLIENT,
            attributes={"http.request.method": route.method, "url.template": route.path},
        )

    @guarded
    def _finish(
        self,
        call: RestCall,
        route: discord.http.Route,
        span: Span | None,
        error: BaseException | None,
        kwargs: Kwargs,
    ) -> None:
        if route.path == CALLBACK_PATH:
            self._acknowledge(call, route, error, kwargs)
        action = current_action.get()
        call.resume()
        limited_ns = call.limited.total
        if limited_ns:
            self._recorder.instruments.rate_limited(route.method, route.path, limited_ns / 1e9)
            if action is not None and not action.ended:
                action.rate_limited(call.limited)
        if span is None:
            return
        total = time.perf_counter_ns() - call.started_ns
        span.set_attributes(
            {
                "http.request.resend_count": max(0, call.tries - 1),
                "discord.rest.wire_ms": call.wire_ns / 1e6,
                "discord.rest.waited_ms": max(0, total - call.wire_ns) / 1e6,
                "discord.rest.rate_limited_ms": limited_ns / 1e6,
            }
        )
        if call.status is not None:
            span.set_attribute("http.response.status_code", call.status)
        if error is not None:
            span.set_attribute("error.type", outcomes.type_name(error))
            span.set_status(Status(StatusCode.ERROR, outcomes.type_name(error)))
        span.end()

    def _acknowledge(
        self, call: RestCall, route: discord.http.Route, error: BaseException | None, kwargs: Kwargs
    ) -> None:
        action = self._recorder.find(int(route.webhook_id or 0))
        if action is None or action.ack_ns is not None:
            return
        if error is None:
            kind = ACK_KINDS.get(_callback_type(kwargs), "other")
            self._recorder.acknowledged(action, call.answered_ns - action.frame.monotonic_ns, kind)
        elif isinstance(error, discord.NotFound) and error.code == UNKNOWN_INTERACTION:
            self._recorder.expired(action, error)


def _callback_type(kwargs: Kwargs) -> int:
    """The callback's type; with files it is in the JSON of the multipart form."""
    payload = kwargs.get("payload")
    if payload is None:
        parts = kwargs.get("multipart") or ()
        text = next((part["value"] for part in parts if part.get("name") == "payload_json"), "{}")
        payload = json.loads(text)
    return int(payload.get("type", 0))
