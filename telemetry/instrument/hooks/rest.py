"""Discord's REST API: the first acknowledgement, the time lost to rate limits, and a CLIENT span for each request.

discord.py sleeps before a request (the bucket, the global limit), between tries (429) and after it (an empty bucket);
a span around the HTTP call alone would miss all of that. Paths are templates: real paths contain interaction tokens.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp
import discord
from opentelemetry.instrumentation.utils import suppress_http_instrumentation
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import Status, StatusCode

from slashspan.guard import guarded, report
from slashspan.telemetry.instrument import outcomes
from slashspan.telemetry.instrument.action import current_action
from slashspan.telemetry.instrument.hooks.rate_limits import TOO_MANY, RestCall, current_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Token

    from opentelemetry.trace import Span

    from slashspan.telemetry.instrument.hooks.rate_limits import RateLimitHooks
    from slashspan.telemetry.instrument.patching import Patches
    from slashspan.telemetry.instrument.recorder import Recorder

    Wrapped = Callable[..., Awaitable[Any]]
    RequestHook = Callable[[Span, discord.http.Route], None]
    ResponseHook = Callable[[Span, int | None], None]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]

_log = logging.getLogger("slashspan")

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
    """The wrappers, bound to one recorder. `spans`: create CLIENT spans, instead of only recording times.

    `request_hook(span, route)` is called when such a span starts, `response_hook(span, status)` before it ends, with
    the status of the last response, or None if there was none.
    """

    def __init__(
        self,
        recorder: Recorder,
        limits: RateLimitHooks,
        *,
        spans: bool,
        request_hook: RequestHook | None = None,
        response_hook: ResponseHook | None = None,
    ) -> None:
        self._recorder = recorder
        self._limits = limits
        self._spans = spans
        self._request_hook = request_hook
        self._response_hook = response_hook

    def install(self, patches: Patches) -> None:
        """Requests: acknowledgements and spans."""
        from discord.http import HTTPClient
        from discord.webhook.async_ import AsyncWebhookAdapter

        patches.replace(HTTPClient, "request", self._make_request, reads=("route",))
        patches.replace(AsyncWebhookAdapter, "request", self._make_request, reads=("route",))
        patches.replace(aiohttp.ClientSession, "_request", self._make_try)

    def _make_request(self, original: Wrapped, active: list[bool]) -> Wrapped:
        on_client, clients, finish = self._limits.on_client, self._limits.clients, self._finish
        set_call, reset_call = current_call.set, current_call.reset

        async def request(client: Any, /, route: discord.http.Route, *args: Any, **kwargs: Any) -> Any:
            if not active:
                return await original(client, route, *args, **kwargs)
            known = clients.get(id(client))
            # `on_client`, without a call
            call = RestCall(known[1] if known is not None and known[0]() is client else on_client(client))
            token = set_call(call)
            span = self._start(route) if self._spans else None
            try:
                result = await original(client, route, *args, **kwargs)
            except BaseException as error:  # not kept in a variable that outlives it: the frame would keep it
                _restore(token)
                try:  # not `guarded`, which would cost another call
                    finish(call, route, span, error, kwargs)
                except Exception:  # noqa: BLE001 - a bug of ours stays ours
                    report("RestHooks._finish")
                raise
            try:
                reset_call(token)
                finish(call, route, span, None, kwargs)
            except Exception:  # noqa: BLE001 - as above
                report("RestHooks._finish")
            return result

        return request

    def _make_try(self, original: Wrapped, active: list[bool]) -> Wrapped:
        current, now = current_call.get, time.perf_counter_ns

        async def _request(session: aiohttp.ClientSession, /, *args: Any, **kwargs: Any) -> Any:
            call = current() if active else None
            if call is None:
                return await original(session, *args, **kwargs)
            if call.refusal is not None:
                self._resume(call)
            call.tries += 1
            started = now()
            try:
                if getattr(session, "_trace_configs", True):
                    # The aiohttp instrumentation would record the real URL, including the token.
                    with suppress_http_instrumentation():
                        response = await original(session, *args, **kwargs)
                else:
                    response = await original(session, *args, **kwargs)
            finally:
                answered = call.answered_ns = now()
                call.wire_ns += answered - started
            call.status = status = getattr(response, "status", None)
            if status == TOO_MANY:
                call.refusal = response, now()
            return response

        return _request

    @guarded
    def _resume(self, call: RestCall) -> None:
        self._limits.resume(call)

    @guarded
    def _start(self, route: discord.http.Route) -> Span:
        attributes = {"http.request.method": route.method, "url.template": route.path}
        if host := urlsplit(route.BASE).hostname:
            attributes["server.address"] = host
        span = self._recorder.tracer.start_span(
            f"{route.method} {route.path}", kind=SpanKind.CLIENT, attributes=attributes
        )
        if self._request_hook is not None and span.is_recording():
            self._call_hook(self._request_hook, span, route)
        return span

    def _call_hook(self, hook: Callable[[Span, Any], None], span: Span, argument: Any) -> None:
        """Never raises: an error in the user's hook is logged, and the request goes on."""
        try:
            hook(span, argument)
        except Exception:  # noqa: BLE001 - the hook is the user's, and the request must go on
            _log.exception("a hook of DiscordInstrumentor failed: %r", hook)

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
        if call.refusal is not None:
            self._limits.resume(call)
        limited_ns = 0
        if call.limited is not None and (limited_ns := call.limited.total):
            self._recorder.instruments.rate_limited(route.method, route.path, limited_ns / 1e9)
            action = current_action.get()
            if action is not None and not action.ended:
                action.rate_limited(call.limited)
        if span is None:
            return
        total = time.perf_counter_ns() - call.started_ns
        span.set_attributes(
            {
                "discord.rest.wire_ms": call.wire_ns / 1e6,
                "discord.rest.waited_ms": max(0, total - call.wire_ns) / 1e6,
                "discord.rest.rate_limited_ms": limited_ns / 1e6,
            }
        )
        if call.tries > 1:
            span.set_attribute("http.request.resend_count", call.tries - 1)
        if call.status is not None:
            span.set_attribute("http.response.status_code", call.status)
        if error is not None:
            span.set_attribute("error.type", outcomes.type_name(error))
            span.set_status(Status(StatusCode.ERROR, outcomes.type_name(error)))
        if self._response_hook is not None and span.is_recording():
            self._call_hook(self._response_hook, span, call.status)
        span.end()

    def _acknowledge(
        self, call: RestCall, route: discord.http.Route, error: BaseException | None, kwargs: Kwargs
    ) -> None:
        action = self._recorder.find(int(route.webhook_id or 0))
        if action is None or action.ack_ns is not None:
            return
        if error is None:
            payload = kwargs.get("payload")
            callback_type = _callback_type_with_files(kwargs) if payload is None else payload.get("type")
            kind = ACK_KINDS.get(callback_type, "other")
            self._recorder.acknowledged(action, call.answered_ns - action.received_ns, kind)
        elif isinstance(error, discord.NotFound) and error.code == UNKNOWN_INTERACTION:
            self._recorder.expired(action, error)


def _restore(token: Token[RestCall | None]) -> None:
    try:  # noqa: SIM105 - four calls less
        current_call.reset(token)
    except ValueError:  # closed in another context
        pass


def _callback_type_with_files(kwargs: Kwargs) -> int:
    """The callback's type, which is in the JSON of the multipart form then."""
    parts = kwargs.get("multipart") or ()
    text = next((part["value"] for part in parts if part.get("name") == "payload_json"), "{}")
    return int(json.loads(text).get("type", 0))
