"""Components and modals that no view answers: an `on_interaction` handler may, or nothing.

That nothing will is known only when Discord gives up after 3 s; until then such an action stays open.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import discord

from slashspan.guard import guarded
from telemetry.instrument import attributes
from telemetry.instrument.gateway import frame_of
from telemetry.instrument.hooks.scope import activate, deactivate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telemetry.instrument.action import Action, Recorder
    from telemetry.instrument.patching import Patches

ANSWER_WITHIN: Final = 3.0
"""Seconds that Discord waits for the first answer."""


class Unanswered:
    """Opens an action that no view handles, and ends it when its outcome is clear."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def install(self, patches: Patches) -> None:
        patches.wrap(discord.Client, "_run_event", self._run_event, reads=("coro", "event_name"))

    @guarded
    def on_dispatched(self, kind: str, interaction: discord.Interaction[Any]) -> None:
        """Called after discord.py has dispatched: if nothing handles the interaction, open an action for it."""
        if self._recorder.find(interaction.id) is not None:
            return
        frame = frame_of(interaction.id)
        action = self._recorder.begin(kind, "", interaction.id, attributes.of_interaction(interaction, frame), frame)
        action.unmatched = True
        asyncio.get_running_loop().call_later(
            max(0.0, ANSWER_WITHIN - action.elapsed_ns() / 1e9), self._deadline, action
        )

    def _run_event(
        self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        if args[1] == "on_interaction":
            action = self._claim(args)
            if action is not None:
                return self._handler(action, wrapped, args, kwargs)
        return wrapped(*args, **kwargs)  # type: ignore[no-any-return]

    @guarded
    def _claim(self, args: tuple[Any, ...]) -> Action | None:
        interaction = args[2] if len(args) > 2 else None  # a bot may dispatch an event of that name itself
        if not isinstance(interaction, discord.Interaction):
            return None
        action = self._recorder.find(interaction.id)
        if action is None or not action.unmatched or action.command:
            return None
        action.work += 1
        return action

    async def _handler(
        self, action: Action, wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        handler, *rest = args

        async def watched(*handler_args: Any, **handler_kwargs: Any) -> Any:
            try:
                return await handler(*handler_args, **handler_kwargs)
            except BaseException as error:  # `_run_event` passes it to the client's own `on_error`
                action.failed(error)
                raise

        tokens = activate(action)
        try:
            return await wrapped(watched, *rest, **kwargs)
        finally:
            deactivate(tokens)
            self._done(action, args[2])

    @guarded
    def _done(self, action: Action, interaction: discord.Interaction[Any]) -> None:
        action.work -= 1
        if interaction.response.is_done():
            action.unmatched = False
        answered = not action.unmatched or action.ack_ns is not None or action.error is not None
        if action.work == 0 and (answered or action.elapsed_ns() > ANSWER_WITHIN * 1e9):
            self._recorder.end(action)

    @guarded
    def _deadline(self, action: Action) -> None:
        if action.work == 0:
            self._recorder.end(action)
