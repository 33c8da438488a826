"""The REST API: what a bot with commands, views and modals calls."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from . import payloads
from .ledger import Action, Call, now_ns
from .people import snowflake

if TYPE_CHECKING:
    from .server import StandIn

PREFIX: Final = "/api/v10"
NO_LIMIT: Final = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "999", "X-RateLimit-Reset-After": "1"}
"""Without such headers discord.py sends the requests of a route one after the other."""

EPHEMERAL: Final = 64
FILES: Final = "files of the form"


class Rest:
    """Handlers, bound to one stand-in."""

    def __init__(self, discord: StandIn) -> None:
        self._discord = discord
        self._limits: dict[int, dict[str, str]] = {}
        """By `id` of the request: rate-limit headers for its successful answer."""

    def add_to(self, app: web.Application) -> None:
        route = app.router.add_route
        route("GET", PREFIX + "/users/@me", self._me)
        route("GET", PREFIX + "/oauth2/applications/@me", self._application)
        route("GET", PREFIX + "/gateway", self._gateway)
        route("GET", PREFIX + "/gateway/bot", self._gateway)
        route("PUT", PREFIX + "/applications/{app}/commands", self._sync)
        route("PUT", PREFIX + "/applications/{app}/guilds/{guild}/commands", self._sync)
        route("POST", PREFIX + "/interactions/{id}/{token}/callback", self._callback)
        route("POST", PREFIX + "/webhooks/{app}/{token}", self._followup)
        route("*", PREFIX + "/webhooks/{app}/{token}/messages/{message}", self._original)
        route("POST", PREFIX + "/channels/{channel}/messages", self._message)
        route("PATCH", PREFIX + "/channels/{channel}/messages/{message}", self._edit)
        route("DELETE", PREFIX + "/channels/{channel}/messages/{message}", self._deleted)
        route("POST", PREFIX + "/channels/{channel}/typing", self._deleted)
        route("POST", PREFIX + "/users/@me/channels", self._dm)
        route("*", "/{path:.*}", self._unexpected)

    async def _me(self, _: web.Request) -> web.Response:
        return reply(self._discord.bot.payload())

    async def _application(self, _: web.Request) -> web.Response:
        return reply(
            {
                "id": str(self._discord.application_id),
                "name": "stand-in",
                "description": "",
                "icon": None,
                "bot_public": False,
                "bot_require_code_grant": False,
                "verify_key": "",
                "flags": 0,
                "owner": self._discord.owner.payload(),
            }
        )

    async def _gateway(self, _: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return reply({"url": self._discord.gateway_url, "shards": self._discord.shards, "session_start_limit": limit})

    async def _sync(self, request: web.Request) -> web.Response:
        commands = await request.json()
        self._discord.ledger.commands.extend(commands)
        application = str(self._discord.application_id)
        return reply(
            [
                {"description": "", "version": "1", **command, "id": str(snowflake()), "application_id": application}
                for command in commands
            ]
        )

    async def _callback(self, request: web.Request) -> web.Response:
        received = now_ns()
        action = self._discord.ledger.of_token(request.match_info["token"])
        body = await _body(request)
        kind = int(body.get("type", 0))
        if action is None:
            return _error(404, 10062, "Unknown interaction")
        if refused := await self._fault(action, "callback", request, received, kind):
            return refused
        if action.ack is not None:
            return _error(400, 40060, "Interaction has already been acknowledged.")
        data = body.get("data") or {}
        action.ephemeral = bool(data.get("flags", 0) & EPHEMERAL)
        resource: dict[str, Any] = {"type": kind}
        if kind in (4, 7):
            message = self._show(action, data)
            if kind == 7 and action.source is not None:
                message |= {key: action.source[key] for key in ("id", "interaction_metadata") if key in action.source}
            resource["message"] = message
        elif kind == 8:
            action.choices = [choice["value"] for choice in data["choices"]]
        elif kind == 9:
            action.modal = data
        self._done(action, "callback", request, received, 200, kind)
        if "with_response" not in request.query:
            return web.Response(status=204)
        answer: dict[str, Any] = {"interaction": {"id": str(action.id), "type": 2}, "resource": resource}
        if "message" in resource:
            answer["interaction"]["response_message_id"] = resource["message"]["id"]
        return reply(answer)

    async def _followup(self, request: web.Request) -> web.Response:
        received = now_ns()
        body = await _body(request)
        action = self._discord.ledger.of_token(request.match_info["token"])
        if action is None:
            return _error(404, 10015, "Unknown Webhook")
        if refused := await self._fault(action, "followup", request, received):
            return refused
        message = self._show(action, body)
        self._done(action, "followup", request, received, 200)
        return reply(message, headers=self._limits.pop(id(request), None))

    async def _original(self, request: web.Request) -> web.Response:
        received = now_ns()
        action = self._discord.ledger.of_token(request.match_info["token"])
        if action is None:
            return _error(404, 10015, "Unknown Webhook")
        if refused := await self._fault(action, "original", request, received):
            return refused
        if request.method == "DELETE":
            self._done(action, "original", request, received, 204)
            return web.Response(status=204)
        if request.method == "PATCH":
            shown = self._show(action, await _body(request))
        elif action.messages:
            shown = action.messages[-1]
        else:
            return _error(404, 10008, "Unknown Message")
        self._done(action, "original", request, received, 200)
        return reply(shown)

    async def _message(self, request: web.Request) -> web.Response:
        received = now_ns()
        body = await _body(request)
        channel_id = int(request.match_info["channel"])
        reference = body.get("message_reference") or {}
        action = self._discord.ledger.of_message(channel_id, int(reference.get("message_id") or 0) or None)
        if action is not None and (refused := await self._fault(action, "message", request, received)):
            return refused
        message = payloads.message(self._discord.bot, channel_id, body)
        if action is not None:
            action.messages.append(message)
            self._done(action, "message", request, received, 200)
        return reply(message, headers=self._limits.pop(id(request), None))

    async def _edit(self, request: web.Request) -> web.Response:
        body = await _body(request)
        message = payloads.message(self._discord.bot, int(request.match_info["channel"]), body)
        return reply(message | {"id": request.match_info["message"]})

    async def _deleted(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _dm(self, request: web.Request) -> web.Response:
        recipient = int((await request.json())["recipient_id"])
        return reply(self._discord.dm(recipient).payload())

    async def _unexpected(self, request: web.Request) -> web.Response:
        self._discord.ledger.unexpected.append(f"{request.method} {request.path}")
        return _error(404, 0, "404: Not Found")

    def _show(self, action: Action, body: dict[str, Any]) -> dict[str, Any]:
        action.files.update(body.get(FILES, {}))
        message = payloads.message(self._discord.bot, action.channel.id, body)
        # discord.py before 2.7 finds the view of an answer by this.
        message["interaction_metadata"] = {
            "id": str(action.id),
            "type": payloads.INTERACTION_TYPES[action.kind],
            "user": action.user.payload(),
            "authorizing_integration_owners": {},
        }
        action.messages.append(message)
        return message

    async def _fault(
        self, action: Action, route: str, request: web.Request, received: int, kind: int | None = None
    ) -> web.Response | None:
        if self._discord.latency:
            await asyncio.sleep(self._discord.latency)
        fault = action.fault(route)
        if fault is None:
            return None
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.empty_for is not None:
            self._limits[id(request)] = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": str(fault.empty_for)}
        if fault.status < 300:
            return None
        self._done(action, route, request, received, fault.status, kind)
        if fault.retry_after is not None:
            body = {"message": fault.message, "retry_after": fault.retry_after, "global": fault.is_global}
            # Without `Via` discord.py takes a 429 for a ban by Cloudflare.
            return reply(body, fault.status, {"Via": "1.1 google", "Retry-After": str(fault.retry_after)})
        return _error(fault.status, fault.code, fault.message)

    @staticmethod
    def _done(
        action: Action, route: str, request: web.Request, received: int, status: int, kind: int | None = None
    ) -> None:
        path = request.path.replace(action.token, "{token}")
        action.add(Call(route, request.method, path, received, now_ns(), status, kind))


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    # The content type must be exactly this: with a charset discord.py would hand out text instead of JSON.
    all_headers = {**NO_LIMIT, **(headers or {}), "Content-Type": "application/json"}
    return web.Response(body=json.dumps(body).encode(), status=status, headers=all_headers)


def _error(status: int, code: int, message: str) -> web.Response:
    return reply({"code": code, "message": message}, status)


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON, also of a form with files, which are then in it under `FILES`."""
    if request.content_type.startswith("multipart/"):
        form = await request.post()
        body: dict[str, Any] = json.loads(str(form["payload_json"]))
        files = [each for each in form.values() if isinstance(each, web.FileField)]
        body[FILES] = {each.filename: each.file.read() for each in files}
        return body
    return await request.json() if request.can_read_body else {}
