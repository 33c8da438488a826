"""Buttons, selects, views, dynamic items, modals.

discord.py creates the coroutine that will answer while it dispatches, synchronously, so a hook of the dispatching
method sees whether anything answers at all. What goes wrong inside is swallowed or only logged by discord.py. Of an
item whose checks and error handler are discord.py's own, its `View.on_error` sees everything; otherwise discord.py's
own methods run with an `Observed` object as their `self`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import discord

from slashspan.guard import guarded
from slashspan.semconv import Kind
from slashspan.telemetry.instrument import attributes
from slashspan.telemetry.instrument.gateway import frame_of
from slashspan.telemetry.instrument.hooks.component_names import component_name
from slashspan.telemetry.instrument.hooks.observed import (
    Observed,
    Shadows,
    callback,
    check,
    discord_function,
    error_handler,
)
from slashspan.telemetry.instrument.hooks.scope import Work, activate, deactivate
from slashspan.telemetry.instrument.patching import as_positional, defining_class

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from slashspan.telemetry.instrument.action import Action, Recorder
    from slashspan.telemetry.instrument.hooks.unanswered import Unanswered
    from slashspan.telemetry.instrument.patching import Patches

    Wrapped = Callable[..., Any]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]

_TASK: Final = "_scheduled_task"
_DYNAMIC_TASK: Final = "schedule_dynamic_item_call"
_CHECKS: Final = "_run_checks"  # 2.6: also asks the rows and containers around the item


class ComponentHooks:
    """The wrappers, bound to one recorder."""

    def __init__(self, recorder: Recorder, unanswered: Unanswered) -> None:
        self._recorder = recorder
        self._unanswered = unanswered
        find = self._find
        self._view_methods = {
            "on_error": partial(error_handler, find),
            "interaction_check": partial(check, find),
            "on_submit": partial(callback, find),
        }
        self._item_methods = {
            "interaction_check": partial(check, find),
            _CHECKS: partial(check, find),
            "callback": partial(callback, find),
        }
        self._shadows = Shadows()
        self._dispatching: dict[int, list[Work]] = {}
        """By interaction: the coroutines that discord.py creates while it dispatches the press of an item."""
        self._plain: dict[Work, Any] = {}
        """The views of running items whose errors are seen by the hook of `on_error`."""
        self._shadowed: set[Work] = set()
        """Those that went on after the hook was removed."""

    def install(self, patches: Patches) -> None:
        from discord.ui.view import ViewStore

        pressed = ("component_type", "custom_id", "interaction")
        defining_class(ViewStore, _DYNAMIC_TASK)  # called by `dispatch_dynamic_items`; otherwise AttributeError
        patches.replace(ViewStore, "dispatch_view", self._make_dispatch_view, reads=pressed)
        patches.replace(ViewStore, "dispatch_modal", self._make_dispatch_modal, reads=("custom_id", "interaction"))
        patches.replace(ViewStore, "dispatch_dynamic_items", self._make_dispatch_dynamic_items, reads=pressed)
        patches.before_restore(self._shadow_running)
        view, modal = defining_class(discord.ui.View, _TASK), discord.ui.Modal
        patches.replace(view, "on_error", self._make_on_error, reads=("interaction", "error", "item"))
        patches.replace(view, _TASK, partial(self._make_view_task, view), reads=("item", "interaction"))
        patches.replace(view, "_dispatch_item", partial(self._make_dispatch_item, view), reads=("item", "interaction"))
        patches.wrap(modal, "_dispatch_submit", self._dispatch_submit, reads=("interaction",))
        patches.wrap(modal, _TASK, self._modal_task, reads=("interaction",))

    # What discord.py calls synchronously when an interaction arrives, and which creates tasks.

    def _make_dispatch_view(self, original: Wrapped, active: list[bool]) -> Wrapped:
        on_dispatched = self._unanswered.on_dispatched

        def dispatch_view(store: Any, component_type: int, custom_id: str, interaction: Any, *rest: Any) -> Any:
            result = original(store, component_type, custom_id, interaction, *rest)
            if active:
                on_dispatched(Kind.COMPONENT, interaction)
            return result

        return dispatch_view

    def _make_dispatch_modal(self, original: Wrapped, active: list[bool]) -> Wrapped:
        on_dispatched = self._unanswered.on_dispatched

        def dispatch_modal(store: Any, custom_id: str, interaction: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(store, custom_id, interaction, *args, **kwargs)
            if active:
                on_dispatched(Kind.MODAL, interaction)
            return result

        return dispatch_modal

    def _make_dispatch_item(self, base: type, original: Wrapped, active: list[bool]) -> Wrapped:
        schedule, begin, is_discords = self._schedule, self._begin_item, _is_discords(original)
        dispatching, end_with_task, ours = self._dispatching, self._end_with_task, vars(base)[_TASK]

        def _dispatch_item(view: Any, item: Any, interaction: Any) -> Any:
            if not active:
                return original(view, item, interaction)
            works: list[Work] = []
            key = interaction.id
            seen = view
            if type(view)._scheduled_task is ours and _TASK not in view.__dict__:
                dispatching[key] = works
            elif is_discords:  # the bot's class has its own
                observer = partial(partial, schedule, begin, ("item", "interaction"), works, view)
                seen = Observed(view, {_TASK: observer})
            try:
                result = original(seen, item, interaction)
            finally:
                dispatching.pop(key, None)
            end_with_task(result, works)
            return result

        return _dispatch_item

    def _dispatch_submit(self, wrapped: Wrapped, modal: Any, args: Args, kwargs: Kwargs) -> Any:
        works: list[Work] = []
        observer = partial(partial, self._schedule, self._begin_modal, ("interaction",), works, modal)
        result = _run_observed(wrapped, modal, {_TASK: observer}, args, kwargs)
        self._end_with_task(result, works)
        return result

    def _make_dispatch_dynamic_items(self, original: Wrapped, active: list[bool]) -> Wrapped:
        observe = self._dispatch_dynamic_items

        def dispatch_dynamic_items(store: Any, component_type: int, custom_id: str, interaction: Any) -> Any:
            if not active or not getattr(store, "_dynamic_items", True):  # most bots have none
                return original(store, component_type, custom_id, interaction)
            return observe(original, store, (component_type, custom_id, interaction))

        return dispatch_dynamic_items

    def _dispatch_dynamic_items(self, original: Wrapped, store: Any, args: Args) -> Any:
        works: list[Work] = []

        def schedule(call: Wrapped, *call_args: Any, **call_kwargs: Any) -> Awaitable[Any]:
            names = ("component_type", "factory", "interaction")
            call_args, call_kwargs = as_positional(names, call_args, call_kwargs)
            work = self._begin_dynamic(call_args)
            if work is None:
                return call(*call_args, **call_kwargs)  # type: ignore[no-any-return]
            works.append(work)
            return self._run_dynamic(work, call, call_args, call_kwargs)

        def add_task(add: Wrapped, task: Any) -> Any:
            self._end_with_task(task, works)
            return add(task)

        observers = {
            _DYNAMIC_TASK: lambda call: partial(schedule, call),
            "add_task": lambda add: partial(add_task, add),
        }
        # Wrapped by somebody else, it gets the real store.
        return original(Observed(store, observers) if _is_discords(original) else store, *args)

    def _schedule(
        self,
        begin: Callable[[Any, Args], Work | None],
        names: Sequence[str],
        works: list[Work],
        target: Any,
        task: Wrapped,
        *args: Any,
        **kwargs: Any,
    ) -> Awaitable[Any]:
        """The coroutine for a task that discord.py creates from `target._scheduled_task(…)`."""
        if kwargs:
            args, kwargs = as_positional(names, args, kwargs)
        work = begin(target, args)
        if work is None:
            return task(*args, **kwargs)  # type: ignore[no-any-return]
        works.append(work)
        return self._run(work, task, target, args, kwargs)

    @guarded
    def _end_with_task(self, task: Any, works: list[Work]) -> None:
        # A task cancelled before its first step never runs its coroutine. Before 2.6 no task is returned.
        if task is not None and works:
            work = works[-1]
            task.add_done_callback(lambda _: self._cancelled(work) if work.running else None)

    # The tasks.

    async def _run(self, work: Work, task: Wrapped, target: Any, args: Args, kwargs: Kwargs) -> Any:
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
            self._done(work)
            if own:
                self._unshadow(target, args)

    @guarded
    def _shadow(self, target: Any, args: Args) -> None:
        self._shadows.place(target, self._view_methods)
        if isinstance(args[0], discord.ui.Item):
            self._shadows.place(args[0], self._item_methods)

    @guarded
    def _unshadow(self, target: Any, args: Args) -> None:
        self._shadows.remove(target, self._view_methods)
        if isinstance(args[0], discord.ui.Item):
            self._shadows.remove(args[0], self._item_methods)

    def _make_view_task(self, base: type, original: Wrapped, active: list[bool]) -> Wrapped:
        dispatching, begin, done, is_plain = self._dispatching, self._begin_item, self._done, _plainness(base)
        observed, late = partial(self._observed_item, original), partial(self._run_late, original)
        plain, shadowed, end_shadow = self._plain, self._shadowed, self._end_shadow

        async def run(work: Work, view: Any, item: Any, interaction: Any) -> Any:
            """`_run`, of discord.py's own `_scheduled_task`."""
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
                done(work)

        # Not a coroutine function: that it is called is how discord.py says that it dispatches the press.
        def _scheduled_task(view: Any, item: Any, interaction: Any) -> Awaitable[Any]:
            if not active:
                return original(view, item, interaction)  # type: ignore[no-any-return]
            works = dispatching.get(interaction.id)
            if works is None:
                return late(view, item, interaction)
            work = begin(view, (item, interaction))
            if work is None:
                return observed(view, item, interaction)
            works.append(work)
            return run(work, view, item, interaction)

        return _scheduled_task

    async def _run_late(self, original: Wrapped, view: Any, item: Any, interaction: Any) -> Any:
        """Of code that calls `_scheduled_task` itself, on its own or from the bot's `_scheduled_task`."""
        args = (item, interaction)
        if self._undispatched(interaction) and (work := self._begin_item(view, args)) is not None:
            return await self._run(work, getattr(view, _TASK), view, args, {})
        return await self._observed_item(original, view, item, interaction)

    async def _observed_item(self, original: Wrapped, view: Any, item: Any, interaction: Any) -> Any:
        """discord.py's `_scheduled_task` with observed objects."""
        if _is_discords(original):
            view, item = Observed(view, self._view_methods), Observed(item, self._item_methods)
        return await original(view, item, interaction)

    @guarded
    def _shadow_running(self) -> None:
        """Before the hook of `on_error` is removed: what is running is recorded with its own outcome all the same."""
        for work, view in list(self._plain.items()):
            self._shadows.place(view, self._view_methods)
            self._shadowed.add(work)

    @guarded
    def _end_shadow(self, work: Work, view: Any) -> None:
        self._shadowed.discard(work)
        self._shadows.remove(view, self._view_methods)

    def _make_on_error(self, original: Wrapped, active: list[bool]) -> Wrapped:
        async def on_error(view: Any, interaction: Any, error: BaseException, item: Any, /) -> Any:
            if active and (action := self._find(interaction)) is not None:
                action.failed(error)
            return await original(view, interaction, error, item)

        return on_error

    async def _modal_task(self, wrapped: Wrapped, modal: Any, args: Args, kwargs: Kwargs) -> Any:
        if self._undispatched(args[0]) and (work := self._begin_modal(modal, args)) is not None:
            return await self._run(work, getattr(modal, _TASK), modal, args, kwargs)
        function = discord_function(wrapped)
        if function is None:
            return await wrapped(*args, **kwargs)
        return await function(Observed(modal, self._view_methods), *args, **kwargs)

    async def _run_dynamic(self, work: Work, call: Wrapped, args: Args, kwargs: Kwargs) -> Any:
        """`schedule_dynamic_item_call`: creates an item for this interaction, checks and calls it."""
        component_type, factory, *rest = args
        made: list[Any] = []
        if discord_function(call) is not None:
            factory = Observed(factory, {"from_custom_id": partial(self._making, work.action, made)})
        tokens = activate(work.action)
        try:
            return await call(component_type, factory, *rest, **kwargs)
        except BaseException as error:
            work.action.failed(error)
            raise
        finally:
            deactivate(tokens)
            self._done(work)
            for item in made:
                self._unshadow_item(item)

    def _making(self, action: Action, made: list[Any], from_custom_id: Wrapped) -> Wrapped:
        async def observed(*args: Any) -> Any:
            action.unmatched = False  # up to here discord.py may find that the message has no such item
            try:
                item = await from_custom_id(*args)
            except BaseException as error:
                action.failed(error)
                raise
            made.append(item)
            self._shadow_item(item)
            return item

        return observed

    @guarded
    def _shadow_item(self, item: Any) -> None:
        self._shadows.place(item, self._item_methods)

    @guarded
    def _unshadow_item(self, item: Any) -> None:
        self._shadows.remove(item, self._item_methods)

    # The action.

    @guarded
    def _begin_item(self, view: Any, args: Args) -> Work:
        item, interaction = args[0], args[1]
        return self._begin(Kind.COMPONENT, component_name(item, view), interaction)

    @guarded
    def _begin_modal(self, modal: Any, args: Args) -> Work:
        return self._begin(Kind.MODAL, type(modal).__name__, args[0])

    @guarded
    def _begin_dynamic(self, args: Args) -> Work:
        factory, interaction = args[1], args[2]
        first = self._recorder.find(interaction.id) is None
        work = self._begin(Kind.COMPONENT, factory.__name__, interaction)
        work.action.unmatched = first
        return work

    def _begin(self, kind: str, name: str, interaction: discord.Interaction[Any]) -> Work:
        action = self._recorder.find(interaction.id)
        if action is None:
            frame = frame_of(interaction.id)
            start = attributes.of_interaction(kind, name, interaction, frame)
            action = self._recorder.begin(start, frame, interaction.client)
        else:  # a view's item as well as a dynamic item, or the bot's code that calls discord.py's
            action.unmatched = False
            if not action.command:
                self._recorder.rename(action, name)
        return Work(action)

    def _cancelled(self, work: Work) -> None:
        self._done(work, asyncio.CancelledError())

    @guarded
    def _undispatched(self, interaction: discord.Interaction[Any]) -> bool:
        """Whether the current task was not created by discord.py's dispatching."""
        action = self._recorder.find(interaction.id)
        return action is None or (action.work == 0 and not action.ended)

    @guarded
    def _done(self, work: Work, error: BaseException | None = None) -> None:
        if not work.running or not work.done():
            return
        if error is not None:
            work.action.failed(error)
        if work.action.work == 0:
            self._recorder.finish(work.action)

    @guarded
    def _find(self, interaction: discord.Interaction[Any]) -> Action | None:
        return self._recorder.find(interaction.id)


def _plainness(base: type) -> Callable[[Any, Any], bool]:
    """A function that says whether nothing but an item's callback is the bot's own in this item and its view.

    Then no check refuses the item, and every error gets to discord.py's own `on_error`.
    """
    own_error, own_check = vars(base)["on_error"], vars(base)["interaction_check"]
    own_item_check, own_item_checks = discord.ui.Item.interaction_check, getattr(discord.ui.Item, _CHECKS, None)

    def is_plain(view: Any, item: Any) -> bool:
        view_class, item_class, on_view, on_item = type(view), type(item), view.__dict__, item.__dict__
        return not (
            view_class.on_error is not own_error
            or view_class.interaction_check is not own_check
            or item_class.interaction_check is not own_item_check
            or getattr(item_class, _CHECKS, None) is not own_item_checks
            or getattr(item, "_parent", None) is not None  # a row or container, with checks of its own
            or "on_error" in on_view
            or "interaction_check" in on_view
            or "interaction_check" in on_item
            or _CHECKS in on_item
        )

    return is_plain


def _is_discords(function: Any) -> bool:
    """Whether it is discord.py's own function, whose `self` can be an `Observed`."""
    return isinstance(function, FunctionType) and function.__module__.startswith("discord.")


def _run_observed(
    wrapped: Wrapped, target: Any, observers: dict[str, Callable[[Any], Any]], args: Args, kwargs: Kwargs
) -> Any:
    function = discord_function(wrapped)
    if function is None:  # wrapped by somebody else; `_scheduled_task` is still observed
        return wrapped(*args, **kwargs)
    return function(Observed(target, observers), *args, **kwargs)
