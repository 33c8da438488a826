"""Components and modals that no view answers: an `on_interaction` handler may, or nothing.

That nothing will is known only when Discord gives up after 3 s; until then such an action stays open.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import discord

from slashspan.guard import guarded
from slashspan.telemetry.instrument import attributes
from slashspan.telemetry.instrument.gateway import frame_of
from slashspan.telemetry.instrument.hooks.scope import Work, activate, deactivate
from slashspan.telemetry.instrument.recorder import ACK_SECONDS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from slashspan.telemetry.instrument.patching import Patches
    from slashspan.telemetry.instrument.recorder import Recorder

    Args = tuple[Any, ...]


class Unanswered:
    """Opens an action that no view handles, and ends it when it is answered or can no longer be."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def install(self, patches: Patches) -> None:
        patches.replace(discord.Client, "_schedule_event", self._make_schedule, reads=("coro", "event_name"))

    def begin(self, kind: str, interaction: discord.Interaction[Any]) -> None:
        """Begin the action of an interaction that discord.py has dispatched to nobody."""
        frame = frame_of(interaction.id)
        start = attributes.of_interaction(kind, "", interaction, frame)
        action = self._recorder.begin(start, frame, interaction.client)
        action.unmatched = True
        self._recorder.end_at_deadline(action, ACK_SECONDS)

    def _make_schedule(self, original: Callable[..., Any], active: list[bool]) -> Callable[..., Any]:
        # Runs for every event that the bot handles, so for every message too.
        def _schedule_event(client: discord.Client, coro: Any, event_name: str, *args: Any, **kwargs: Any) -> Any:
            if event_name == "on_interaction" and active:
                work = self._claim(args)
                if work is not None:
                    return self._handle(work, partial(original, client), coro, event_name, args, kwargs)
            if len(args) == 1 and not kwargs:  # to call it with these is half the price of the line below
                return original(client, coro, event_name, args[0])
            return original(client, coro, event_name, *args, **kwargs)

        return _schedule_event

    @guarded
    def _claim(self, args: Args) -> Work | None:
        interaction = args[0] if args else None  # a bot may dispatch an event of that name itself
        if not isinstance(interaction, discord.Interaction):
            return None
        action = self._recorder.find(interaction.id)
        if action is None or not action.unmatched or action.command:
            return None
        return Work(action)

    def _handle(
        self,
        work: Work,
        schedule: Callable[..., Any],
        handler: Callable[..., Any],
        event_name: str,
        args: Args,
        kwargs: dict[str, Any],
    ) -> Any:
        async def observed(*handler_args: Any, **handler_kwargs: Any) -> Any:
            try:
                return await handler(*handler_args, **handler_kwargs)
            except BaseException as error:  # discord.py passes it to the client's own `on_error`
                work.action.failed(error)
                raise

        tokens = activate(work.action)  # the task copies the context
        try:
            task = schedule(observed, event_name, *args, **kwargs)
        finally:
            deactivate(tokens)
        self._end_with_task(task, work, args[0])
        return task

    @guarded
    def _end_with_task(self, task: asyncio.Task[Any], work: Work, interaction: discord.Interaction[Any]) -> None:
        task.add_done_callback(lambda _: self._done(work, interaction))

    @guarded
    def _done(self, work: Work, interaction: discord.Interaction[Any]) -> None:
        action = work.action
        if not work.done():
            return
        if interaction.response.is_done():
            action.unmatched = False
        answered = not action.unmatched or action.failure is not None
        if action.work == 0 and (answered or action.elapsed_ns() > ACK_SECONDS * 1e9):
            self._recorder.finish(action)
