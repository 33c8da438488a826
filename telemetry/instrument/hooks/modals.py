"""Modals: the task that discord.py creates for a submitted one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import discord

from slashspan.telemetry.instrument.hooks.component_actions import TASK
from slashspan.telemetry.instrument.hooks.observed import Observed, discord_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from slashspan.telemetry.instrument.hooks.component_actions import ComponentActions, TaskWork
    from slashspan.telemetry.instrument.patching import Patches

    Wrapped = Callable[..., Any]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]


class ModalHooks:
    """The wrappers of `discord.ui.Modal`."""

    def __init__(self, actions: ComponentActions) -> None:
        self._actions = actions

    def install(self, patches: Patches) -> None:
        patches.wrap(discord.ui.Modal, "_dispatch_submit", self._dispatch_submit, reads=("interaction",))
        patches.wrap(discord.ui.Modal, TASK, self._task, reads=("interaction",))

    def _dispatch_submit(self, wrapped: Wrapped, modal: Any, args: Args, kwargs: Kwargs) -> Any:
        function = discord_function(wrapped)
        if function is None:  # wrapped by somebody else; `_scheduled_task` is still observed
            return wrapped(*args, **kwargs)
        actions = self._actions
        works: list[TaskWork] = []
        observer = partial(partial, actions.schedule, actions.begin_modal, ("interaction",), works, modal)
        task = function(Observed(modal, {TASK: observer}), *args, **kwargs)
        actions.end_with_task(task, works)
        return task

    async def _task(self, wrapped: Wrapped, modal: Any, args: Args, kwargs: Kwargs) -> Any:
        actions = self._actions
        work = actions.begin_undispatched(actions.begin_modal, modal, args, args[0])
        if work is not None:
            return await actions.run(work, getattr(modal, TASK), modal, args, kwargs)
        function = discord_function(wrapped)
        if function is None:
            return await wrapped(*args, **kwargs)
        return await function(Observed(modal, actions.view_methods), *args, **kwargs)
