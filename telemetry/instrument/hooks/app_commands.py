"""Slash commands, context menus, hybrids used as slash, autocomplete: everything that `CommandTree._call` runs.

`_call` handles most errors itself, so they are recorded where they pass: `Command._invoke_error_handlers` for slash
commands, `ContextMenu._invoke`, `Command._invoke_autocomplete`, and `ext.commands.Command.dispatch_error` (in
`prefix.py`) for hybrids. `Command._callback` is left alone: `_do_call` recognises a wrong signature by the
innermost frame.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands

from slashspan.guard import guarded
from slashspan.semconv import Kind, Outcome
from slashspan.telemetry.instrument import attributes
from slashspan.telemetry.instrument.action import current_action
from slashspan.telemetry.instrument.gateway import frame_of
from slashspan.telemetry.instrument.hooks.scope import activate, deactivate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slashspan.telemetry.instrument.action import Action, Recorder
    from slashspan.telemetry.instrument.patching import Patches

    Wrapped = Callable[..., Awaitable[Any]]

_MENU_KINDS: Final = {2: Kind.USER_MENU, 3: Kind.MESSAGE_MENU}


class AppCommandHooks:
    """The wrappers, bound to one recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def install(self, patches: Patches) -> None:
        patches.wrap(app_commands.CommandTree, "_call", self._call, reads=("interaction",))
        patches.wrap(
            app_commands.Command,
            "_invoke_error_handlers",
            self._invoke_error_handlers,
            reads=("interaction", "error"),
        )
        patches.wrap(app_commands.Command, "_invoke_autocomplete", self._observe_error, reads=("interaction",))
        patches.wrap(app_commands.ContextMenu, "_invoke", self._observe_error, reads=("interaction",))

    async def _call(self, wrapped: Wrapped, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        action = self._begin(args)
        if action is None:
            return await wrapped(*args, **kwargs)
        tokens = activate(action)
        try:
            result = await wrapped(*args, **kwargs)
        except app_commands.AppCommandError as error:
            # The tree's handlers run after `_call`, in the same task, and may answer: end after them, and
            # leave the context to them.
            self._end_with_task(action, error)
            raise
        except BaseException as error:
            action.failed(error)
            self._end(action, args)
            deactivate(tokens)
            raise
        self._end(action, args)
        deactivate(tokens)
        return result

    @guarded
    def _begin(self, args: tuple[Any, ...]) -> Action:
        interaction: discord.Interaction[Any] = args[0]
        frame = frame_of(interaction.id)
        data: Any = interaction.data
        kind = (
            Kind.AUTOCOMPLETE
            if interaction.type is discord.InteractionType.autocomplete
            else _MENU_KINDS.get(data.get("type", 1), Kind.SLASH)
        )
        command = interaction.command
        name = command.qualified_name if command is not None else ""
        known = attributes.of_interaction(interaction, frame)
        return self._recorder.begin(kind, name, interaction.id, known, frame, interaction.client)

    @guarded
    def _end(self, action: Action, args: tuple[Any, ...]) -> None:
        if action.failure is None and args[0].command_failed:
            if self._recorder.closed:  # nothing was left to receive the exception
                action.failure = Outcome.ERROR
            else:
                action.rejected = True  # `interaction_check` returned False: nothing is raised
        self._recorder.finish(action)

    @guarded
    def _end_with_task(self, action: Action, error: BaseException) -> None:
        action.failed(error)
        task = asyncio.current_task()
        if task is None:
            self._recorder.finish(action)
        else:
            task.add_done_callback(lambda _: self._end_late(action))

    @guarded
    def _end_late(self, action: Action) -> None:
        self._recorder.finish(action)

    async def _invoke_error_handlers(
        self, wrapped: Wrapped, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if len(args) > 1:
            self._record_error(args, args[1])
        return await wrapped(*args, **kwargs)

    async def _observe_error(self, wrapped: Wrapped, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            self._record_error(args, error)
            raise

    @guarded
    def _record_error(self, args: tuple[Any, ...], error: BaseException) -> None:
        action = self._recorder.find(args[0].id) or current_action.get()
        if action is not None:
            action.failed(error)
