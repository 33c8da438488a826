"""The actions of components and modals: begins and ends them, and runs the coroutine that answers.

discord.py creates that coroutine while it dispatches, synchronously; so whatever dispatches knows whether anything
answers at all.
"""

from __future__ import annotations

import asyncio
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import discord

from slashspan.guard import guarded, report
from slashspan.semconv import Kind
from slashspan.telemetry.instrument import attributes
from slashspan.telemetry.instrument.gateway import frame_of
from slashspan.telemetry.instrument.hooks.component_names import component_name
from slashspan.telemetry.instrument.hooks.observed import Shadows, callback, check, discord_function, error_handler
from slashspan.telemetry.instrument.hooks.scope import Work, activate, deactivate
from slashspan.telemetry.instrument.patching import as_positional

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from slashspan.telemetry.instrument.action import Action
    from slashspan.telemetry.instrument.recorder import Recorder

    Wrapped = Callable[..., Any]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]

TASK: Final = "_scheduled_task"
"""Of views and modals: the coroutine function that answers."""
CHECKS: Final = "_run_checks"  # 2.6: also asks the rows and containers around the item


class TaskWork(Work):
    """The work of a task, and its done callback: a task cancelled before its first step never runs its coroutine."""

    __slots__ = ("_ended",)

    def __init__(self, action: Action, ended: Callable[[Work, BaseException], None]) -> None:
        # What the base class does, without a call.
        self.action = action
        self.running = True
        action.work += 1
        self._ended = ended

    def __call__(self, _: asyncio.Task[Any]) -> None:
        if self.running:
            self._ended(self, asyncio.CancelledError())


class ComponentActions:
    """Shared by the hooks of views, dynamic items and modals."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        find = self.find
        self.view_methods = {
            "on_error": partial(error_handler, find),
            "interaction_check": partial(check, find),
            "on_submit": partial(callback, find),
        }
        self.item_methods = {
            "interaction_check": partial(check, find),
            CHECKS: partial(check, find),
            "callback": partial(callback, find),
        }
        self.shadows = Shadows()
        self.guarded_done = guarded(self.done)

    @guarded
    def find(self, interaction: discord.Interaction[Any]) -> Action | None:
        """The open action of an interaction."""
        return self._recorder.find(interaction.id)

    # Beginning

    def begin_item(self, view: Any, args: Args) -> TaskWork:
        item, interaction = args[0], args[1]
        return self.begin(Kind.COMPONENT, component_name(item, view), interaction)

    def begin_modal(self, modal: Any, args: Args) -> TaskWork:
        return self.begin(Kind.MODAL, type(modal).__name__, args[0])

    @guarded
    def begin_dynamic(self, args: Args) -> TaskWork:
        factory, interaction = args[1], args[2]
        first = self._recorder.find(interaction.id) is None
        work = self.begin(Kind.COMPONENT, factory.__name__, interaction)
        work.action.unmatched = first
        return work

    def begin(self, kind: str, name: str, interaction: discord.Interaction[Any]) -> TaskWork:
        """Begin the action of this interaction, unless it has begun, and a task of it."""
        action = self._recorder.find(interaction.id)
        if action is None:
            frame = frame_of(interaction.id)
            start = attributes.of_interaction(kind, name, interaction, frame)
            action = self._recorder.begin(start, frame, interaction.client)
        else:  # a view's item as well as a dynamic item, or the bot's code that calls discord.py's
            action.unmatched = False
            if not action.command:
                self._recorder.rename(action, name)
        return TaskWork(action, self.guarded_done)

    @guarded
    def begin_undispatched(
        self, begin: Callable[[Any, Args], TaskWork], target: Any, args: Args, interaction: discord.Interaction[Any]
    ) -> TaskWork | None:
        """`begin(target, args)` if the current task was not created by discord.py's dispatching."""
        action = self._recorder.find(interaction.id)
        dispatched = action is not None and (action.work > 0 or action.ended)
        return None if dispatched else begin(target, args)

    def schedule(
        self,
        begin: Callable[[Any, Args], TaskWork],
        names: Sequence[str],
        works: list[TaskWork],
        target: Any,
        task: Wrapped,
        *args: Any,
        **kwargs: Any,
    ) -> Awaitable[Any]:
        """The coroutine for a task that discord.py creates from `target._scheduled_task(…)`."""
        if kwargs:
            args, kwargs = as_positional(names, args, kwargs)
        try:
            work = begin(target, args)
        except Exception:  # noqa: BLE001 - a bug of ours stays ours
            report("ComponentActions.begin")
            return task(*args, **kwargs)  # type: ignore[no-any-return]
        works.append(work)
        return self.run(work, task, target, args, kwargs)

    # Ending

    def end_with_task(self, task: Any, works: list[TaskWork]) -> None:
        """End the last of these works if its task is cancelled before its first step."""
        if task is not None and works:  # before discord.py 2.6 no task is returned
            task.add_done_callback(works[-1])

    def done(self, work: Work, error: BaseException | None = None) -> None:
        """The code of this work has ended."""
        if not work.running:
            return
        # `Work.done`, without a call.
        action, work.running = work.action, False
        action.work -= 1
        if error is not None:
            action.failed(error)
        if action.work == 0:
            self._recorder.finish(action)

    # Running

    async def run(self, work: TaskWork, task: Wrapped, target: Any, args: Args, kwargs: Kwargs) -> Any:
        """`task`, the `_scheduled_task` of a view or modal, in whose code the action is current."""
        own = discord_function(task) is None
        if own:  # the bot's own code, which may do anything with its objects and so gets the real ones
            self._shadow(target, args)
        tokens = activate(work.action)
        try:
            return await task(*args, **kwargs)
        except BaseException as error:
            work.action.failed(error)
            raise
        finally:
            deactivate(tokens)
            self.guarded_done(work)
            if own:
                self._unshadow(target, args)

    @guarded
    def _shadow(self, target: Any, args: Args) -> None:
        self.shadows.place(target, self.view_methods)
        if isinstance(args[0], discord.ui.Item):
            self.shadows.place(args[0], self.item_methods)

    @guarded
    def _unshadow(self, target: Any, args: Args) -> None:
        self.shadows.remove(target, self.view_methods)
        if isinstance(args[0], discord.ui.Item):
            self.shadows.remove(args[0], self.item_methods)


def is_discords(function: Any) -> bool:
    """Whether it is discord.py's own function, whose `self` can be an `Observed`."""
    return isinstance(function, FunctionType) and function.__module__.startswith("discord.")
