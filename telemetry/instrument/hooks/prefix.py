"""Prefix commands: `BotBase.invoke`, once per message (`Command.invoke` nests in groups), and `dispatch_error`.

ext.commands swallows a CancelledError of a callback and only sets `command_failed`, which reveals it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from discord.ext import commands

from slashspan.guard import guarded
from slashspan.semconv import Kind
from telemetry.instrument import attributes
from telemetry.instrument.gateway import frame_of
from telemetry.instrument.hooks.scope import activate, deactivate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telemetry.instrument.action import Action, Recorder
    from telemetry.instrument.patching import Patches

    Wrapped = Callable[..., Awaitable[Any]]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]


class PrefixHooks:
    """The wrappers, bound to one recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def install(self, patches: Patches) -> None:
        from discord.ext.commands.bot import BotBase

        patches.wrap(BotBase, "invoke", self._invoke, reads=("ctx",))
        patches.wrap(commands.Command, "dispatch_error", self._dispatch_error, reads=("ctx", "error"))

    def _invoke(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Awaitable[Any]:
        ctx: commands.Context[Any] = args[0]
        if ctx.command is None and not ctx.invoked_with:
            return wrapped(*args, **kwargs)  # an ordinary message: nothing to record
        return self._recorded(wrapped, ctx, args, kwargs)

    async def _recorded(self, wrapped: Wrapped, ctx: commands.Context[Any], args: Args, kwargs: Kwargs) -> Any:
        action = self._begin(ctx)
        if action is None:
            return await wrapped(*args, **kwargs)
        tokens = activate(action)
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            action.failed(error)
            raise
        finally:
            self._end(action, ctx)
            deactivate(tokens)

    @guarded
    def _begin(self, ctx: commands.Context[Any]) -> Action | None:
        if ctx.interaction is not None:
            return None  # a hybrid used as a slash command and invoked by the bot: its interaction is already recorded
        message = ctx.message
        frame = frame_of(message.id)
        command = ctx.command
        name = command.qualified_name if command is not None else ""
        return self._recorder.begin(Kind.PREFIX, name, message.id, attributes.of_message(ctx, frame), frame)

    @guarded
    def _end(self, action: Action, ctx: commands.Context[Any]) -> None:
        command = ctx.command
        if command is None:
            action.failed(commands.CommandNotFound())
        else:
            self._recorder.rename(action, command.qualified_name)
            if ctx.command_failed:
                action.failed(asyncio.CancelledError())
        self._recorder.end(action)

    def _dispatch_error(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Awaitable[Any]:
        self._record_error(args[0], args[1])
        return wrapped(*args, **kwargs)

    @guarded
    def _record_error(self, ctx: commands.Context[Any], error: BaseException) -> None:
        key = ctx.message.id if ctx.interaction is None else ctx.interaction.id
        action = self._recorder.find(key)
        if action is not None:
            action.failed(error)
