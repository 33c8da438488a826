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

_MENU_KINDS: Final = {2: Kind.USER_MENU, 3: Kind.MESSAGE_MENU}
_SUBCOMMANDS: Final = (1, 2)
"""Types of an option that names a subcommand or a group of them."""


class AppCommandHooks:
    """The wrappers, bound to one recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def install(self, patches: Patches) -> None:
        patches.replace(app_commands.CommandTree, "_call", self._make_call, reads=("interaction",))
        patches.wrap(
            app_commands.Command,
            "_invoke_error_handlers",
            self._invoke_error_handlers,
            reads=("interaction", "error"),
        )
        patches.wrap(app_commands.Command, "_invoke_autocomplete", self._observe_error, reads=("interaction",))
        patches.wrap(app_commands.ContextMenu, "_invoke", self._observe_error, reads=("interaction",))

    def _make_call(self, original: Wrapped, active: list[bool]) -> Wrapped:
        begin, end, end_with_task = self._begin, self._end, self._end_with_task
        guarded_end = guarded(end)

        async def _call(tree: Any, interaction: discord.Interaction[Any]) -> Any:
            action = None
            if active:
                try:  # not `guarded`, which would cost another call
                    action = begin(interaction)
                except Exception:  # noqa: BLE001 - a bug of ours stays ours
                    report("AppCommandHooks._begin")
            if action is None:
                return await original(tree, interaction)
            tokens = activate(action)
            try:
                result = await original(tree, interaction)
            except app_commands.AppCommandError as error:
                # The tree's handlers run after `_call`, in the same task, and may answer: end after them, and
                # leave the context to them.
                end_with_task(action, error, interaction)
                raise
            except BaseException as error:
                action.failed(error)
                guarded_end(action, interaction)
                deactivate(tokens)
                raise
            try:
                end(action, interaction)
            except Exception:  # noqa: BLE001 - as above
                report("AppCommandHooks._end")
            deactivate(tokens)
            return result

        return _call

    def _begin(self, interaction: discord.Interaction[Any]) -> Action:
        data: Any = interaction.data
        if interaction.type is discord.InteractionType.autocomplete:
            kind = Kind.AUTOCOMPLETE
        else:
            kind = _MENU_KINDS.get(data.get("type", 1), Kind.SLASH)
        frame = frame_of(interaction.id)
        start = attributes.of_interaction(kind, _registered_name(data), interaction, frame)
        return self._recorder.begin(start, frame, interaction.client)

    def _end(self, action: Action, interaction: discord.Interaction[Any]) -> None:
        if action.failure is None and interaction.command_failed:
            self._without_unknown_name(action, interaction)
            if self._recorder.closed:  # nothing was left to receive the exception
                action.failure = Outcome.ERROR
            else:
                action.rejected = True  # `interaction_check` returned False: nothing is raised
        self._recorder.finish(action)

    @guarded
    def _end_with_task(self, action: Action, error: BaseException, interaction: discord.Interaction[Any]) -> None:
        action.failed(error)
        self._without_unknown_name(action, interaction)
        task = asyncio.current_task()
        if task is None:
            self._recorder.finish(action)
        else:
            task.add_done_callback(lambda _: self._end_late(action))

    def _without_unknown_name(self, action: Action, interaction: discord.Interaction[Any]) -> None:
        """Only the name of a command that the bot has is recorded."""
        if interaction.command is None:
            self._recorder.rename(action, "")

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


def _registered_name(data: Any) -> str:
    """The qualified name of the command, with which it is registered at Discord.

    `interaction.command` would look it up, which discord.py is about to do itself.
    """
    name: str = data["name"]
    options = data.get("options")
    while options:
        option = next((option for option in options if option.get("type") in _SUBCOMMANDS), None)
        if option is None:
            break
        name = f"{name} {option['name']}"
        options = option.get("options")
    return name
