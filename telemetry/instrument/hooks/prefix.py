"""Prefix commands: `BotBase.invoke`, once per message (`Command.invoke` nests in groups), and `dispatch_error`.

ext.commands swallows a CancelledError out of a callback and only sets `command_failed`, which is how a cancelled
command is recognised.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from discord.ext import commands

from slashspan.guard import guarded, report
from slashspan.semconv import Kind, Outcome
from slashspan.telemetry.instrument import attributes
from slashspan.telemetry.instrument.action import current_action
from slashspan.telemetry.instrument.gateway import frame_of
from slashspan.telemetry.instrument.hooks.scope import activate, deactivate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slashspan.telemetry.instrument.action import Action
    from slashspan.telemetry.instrument.patching import Patches
    from slashspan.telemetry.instrument.recorder import Recorder

    Wrapped = Callable[..., Awaitable[Any]]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]


class _Invocation:
    """A running `BotBase.invoke`. A command may invoke another, also with its own context."""

    __slots__ = ("context_id", "failed_before", "nested_failed")

    def __init__(self, ctx: commands.Context[Any]) -> None:
        self.context_id = id(ctx)
        self.failed_before = ctx.command_failed
        """`command_failed` was set before this invocation, so it says nothing about it."""
        self.nested_failed = False
        """The same, because a nested invocation with the same context has set it."""


_invocation: ContextVar[_Invocation | None] = ContextVar("slashspan_invocation", default=None)


class PrefixHooks:
    """The wrappers, bound to one recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def install(self, patches: Patches) -> None:
        from discord.ext.commands.bot import BotBase

        patches.replace(BotBase, "invoke", self._make_invoke, reads=("ctx",))
        patches.wrap(commands.Command, "dispatch_error", self._dispatch_error, reads=("ctx", "error"))

    def _make_invoke(self, original: Wrapped, active: list[bool]) -> Wrapped:
        recorded = self._recorded

        # Runs for every message that the bot sees.
        async def invoke(bot: Any, ctx: commands.Context[Any], /) -> Any:
            if not active or (ctx.command is None and not ctx.invoked_with):
                return await original(bot, ctx)  # an ordinary message: nothing to record
            return await recorded(original, bot, ctx)

        return invoke

    async def _recorded(self, original: Wrapped, bot: Any, ctx: commands.Context[Any]) -> Any:
        action = None
        try:  # not `guarded`, which would cost another call
            action = self._begin(ctx)
        except Exception:  # noqa: BLE001 - a bug of ours stays ours
            report("PrefixHooks._begin")
        if action is None:
            return await original(bot, ctx)
        outer = _invocation.get()
        invocation = _Invocation(ctx)
        tokens, token = activate(action), _invocation.set(invocation)
        try:
            return await original(bot, ctx)
        except BaseException as error:
            action.failed(error)
            raise
        finally:
            try:
                self._end(action, ctx, invocation, outer)
            except Exception:  # noqa: BLE001 - as above
                report("PrefixHooks._end")
            deactivate(tokens)
            try:  # noqa: SIM105 - three calls less
                _invocation.reset(token)
            except ValueError:  # closed in another context
                pass

    def _begin(self, ctx: commands.Context[Any]) -> Action | None:
        if ctx.interaction is not None:
            return None  # a hybrid used as a slash command and invoked by the bot: its interaction is already recorded
        message = ctx.message
        frame = frame_of(message.id)
        command = ctx.command
        name = command.qualified_name if command is not None else ""
        start = attributes.of_message(Kind.PREFIX, name, ctx, frame)
        return self._recorder.begin(start, frame, ctx.bot)

    def _end(
        self, action: Action, ctx: commands.Context[Any], invocation: _Invocation, outer: _Invocation | None
    ) -> None:
        command = ctx.command
        if command is None:
            action.failed(commands.CommandNotFound())
        else:
            name = command.qualified_name
            # A subcommand, but not another command invoked with the same context.
            if not action.command or name.startswith(f"{action.command} "):
                self._recorder.rename(action, name)
            if ctx.command_failed:
                self._note_failure(action, invocation)
                if outer is not None and outer.context_id == invocation.context_id:
                    outer.nested_failed = True
        self._recorder.finish(action)

    def _note_failure(self, action: Action, invocation: _Invocation) -> None:
        if action.failure is not None or invocation.failed_before or invocation.nested_failed:
            return
        if self._recorder.closed:  # nothing was left to receive the exception
            action.failure = Outcome.ERROR
        else:
            action.failed(asyncio.CancelledError())

    def _dispatch_error(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Awaitable[Any]:
        self._record_error(args)
        return wrapped(*args, **kwargs)

    @guarded
    def _record_error(self, args: Args) -> None:
        ctx: commands.Context[Any] = args[0]
        if ctx.interaction is not None:
            action = self._recorder.find(ctx.interaction.id)
        else:
            # Not by the message's id, which a nested command or another bot's command shares.
            action = current_action.get()
            if action is not None and action.key != ctx.message.id:
                action = None
        if action is not None:
            action.failed(args[1])
