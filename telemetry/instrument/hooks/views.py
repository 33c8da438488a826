"""Buttons, selects and other items of views.

What goes wrong inside is swallowed or only logged by discord.py. Of an item whose checks and error handler are
discord.py's own, its `View.on_error` sees everything; otherwise discord.py's own methods run with an `Observed` object
as their `self`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import discord

from slashspan.guard import guarded, report
from slashspan.semconv import Kind
from slashspan.telemetry.instrument.hooks.component_actions import CHECKS, TASK, is_discords
from slashspan.telemetry.instrument.hooks.component_names import component_name
from slashspan.telemetry.instrument.hooks.observed import Observed
from slashspan.telemetry.instrument.hooks.scope import activate, deactivate
from slashspan.telemetry.instrument.patching import defining_class

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slashspan.telemetry.instrument.hooks.component_actions import ComponentActions, TaskWork
    from slashspan.telemetry.instrument.patching import Patches

    Wrapped = Callable[..., Any]


class ViewHooks:
    """The wrappers of `discord.ui.View`."""

    def __init__(self, actions: ComponentActions) -> None:
        self._actions = actions
        self._dispatching: dict[int, list[TaskWork]] = {}
        """By interaction: the coroutines that discord.py creates while it dispatches the press of an item."""
        self._plain: dict[TaskWork, Any] = {}
        """The views of running items whose errors are seen by the hook of `on_error`."""
        self._shadowed: set[TaskWork] = set()
        """Those that went on after the hook was removed."""

    def install(self, patches: Patches) -> None:
        patches.before_restore(self._shadow_running)
        view = defining_class(discord.ui.View, TASK)
        patches.replace(view, "on_error", self._make_on_error, reads=("interaction", "error", "item"))
        patches.replace(view, TASK, partial(self._make_task, view), reads=("item", "interaction"))
        patches.replace(view, "_dispatch_item", partial(self._make_dispatch_item, view), reads=("item", "interaction"))

    def _make_dispatch_item(self, base: type, original: Wrapped, active: list[bool]) -> Wrapped:
        actions, dispatching, ours = self._actions, self._dispatching, vars(base)[TASK]
        schedule, begin = actions.schedule, actions.begin_item
        discords = is_discords(original)

        def _dispatch_item(view: Any, item: Any, interaction: Any) -> Any:
            if not active:
                return original(view, item, interaction)
            works: list[TaskWork] = []
            key = interaction.id
            seen = view
            if type(view)._scheduled_task is ours and TASK not in view.__dict__:
                dispatching[key] = works
            elif discords:  # the bot's class has its own
                observer = partial(partial, schedule, begin, ("item", "interaction"), works, view)
                seen = Observed(view, {TASK: observer})
            try:
                result = original(seen, item, interaction)
            finally:
                dispatching.pop(key, None)
            if result is not None and works:  # before discord.py 2.6 no task is returned
                result.add_done_callback(works[-1])
            return result

        return _dispatch_item

    def _make_task(self, base: type, original: Wrapped, active: list[bool]) -> Wrapped:
        actions, dispatching, is_plain = self._actions, self._dispatching, _plainness(base)
        begin, done, current_task = actions.begin, actions.done, asyncio.current_task
        observed, late = partial(self._observed, original), partial(self._run_late, original)
        plain, shadowed, end_shadow = self._plain, self._shadowed, self._end_shadow

        async def run(work: TaskWork, view: Any, item: Any, interaction: Any) -> Any:
            """`ComponentActions.run`, of discord.py's own `_scheduled_task`."""
            # It has been started: nothing is left for the callback to do, and the event loop need not call it.
            task = current_task()
            if task is not None:
                task.remove_done_callback(work)
            tokens = activate(work.action)
            try:
                if not active or not is_plain(view, item):
                    return await observed(view, item, interaction)
                plain[work] = view
                return await original(view, item, interaction)
            except BaseException as error:
                work.action.failed(error)
                raise
            finally:
                deactivate(tokens)
                plain.pop(work, None)
                if work in shadowed:
                    end_shadow(work, view)
                try:  # not `guarded`, which would cost another call
                    done(work)
                except Exception:  # noqa: BLE001 - a bug of ours stays ours
                    report("ComponentActions.done")

        # Not a coroutine function: that it is called is how discord.py says that it dispatches the press.
        def _scheduled_task(view: Any, item: Any, interaction: Any) -> Awaitable[Any]:
            if not active:
                return original(view, item, interaction)  # type: ignore[no-any-return]
            works = dispatching.get(interaction.id)
            if works is None:
                return late(view, item, interaction)
            try:
                work = begin(Kind.COMPONENT, component_name(item, view), interaction)  # `begin_item`, without a call
            except Exception:  # noqa: BLE001 - as above
                report("ComponentActions.begin")
                return observed(view, item, interaction)
            works.append(work)
            return run(work, view, item, interaction)

        return _scheduled_task

    async def _run_late(self, original: Wrapped, view: Any, item: Any, interaction: Any) -> Any:
        """Of code that calls `_scheduled_task` itself, on its own or from the bot's `_scheduled_task`."""
        actions, args = self._actions, (item, interaction)
        work = actions.begin_undispatched(actions.begin_item, view, args, interaction)
        if work is not None:
            return await actions.run(work, getattr(view, TASK), view, args, {})
        return await self._observed(original, view, item, interaction)

    async def _observed(self, original: Wrapped, view: Any, item: Any, interaction: Any) -> Any:
        """discord.py's `_scheduled_task` with observed objects."""
        if is_discords(original):
            view, item = Observed(view, self._actions.view_methods), Observed(item, self._actions.item_methods)
        return await original(view, item, interaction)

    @guarded
    def _shadow_running(self) -> None:
        """Before the hook of `on_error` is removed: what is running is recorded with its own outcome all the same."""
        for work, view in list(self._plain.items()):
            self._actions.shadows.place(view, self._actions.view_methods)
            self._shadowed.add(work)

    @guarded
    def _end_shadow(self, work: TaskWork, view: Any) -> None:
        self._shadowed.discard(work)
        self._actions.shadows.remove(view, self._actions.view_methods)

    def _make_on_error(self, original: Wrapped, active: list[bool]) -> Wrapped:
        find = self._actions.find

        async def on_error(view: Any, interaction: Any, error: BaseException, item: Any, /) -> Any:
            if active and (action := find(interaction)) is not None:
                action.failed(error)
            return await original(view, interaction, error, item)

        return on_error


def _plainness(base: type) -> Callable[[Any, Any], bool]:
    """A function that says whether nothing but an item's callback is the bot's own in this item and its view.

    Then no check refuses the item, and every error gets to discord.py's own `on_error`.
    """
    own_error, own_check = vars(base)["on_error"], vars(base)["interaction_check"]
    own_item_check, own_item_checks = discord.ui.Item.interaction_check, getattr(discord.ui.Item, CHECKS, None)

    def is_plain(view: Any, item: Any) -> bool:
        view_class, item_class, on_view, on_item = type(view), type(item), view.__dict__, item.__dict__
        return not (
            view_class.on_error is not own_error
            or view_class.interaction_check is not own_check
            or item_class.interaction_check is not own_item_check
            or getattr(item_class, CHECKS, None) is not own_item_checks
            or getattr(item, "_parent", None) is not None  # a row or container, with checks of its own
            or "on_error" in on_view
            or "interaction_check" in on_view
            or "interaction_check" in on_item
            or CHECKS in on_item
        )

    return is_plain
