"""Dynamic items: discord.py makes the item of a press from its custom_id, in a task of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from slashspan.guard import guarded
from slashspan.telemetry.instrument.hooks.component_actions import is_discords
from slashspan.telemetry.instrument.hooks.observed import Observed, discord_function
from slashspan.telemetry.instrument.hooks.scope import activate, deactivate
from slashspan.telemetry.instrument.patching import as_positional, defining_class

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slashspan.telemetry.instrument.action import Action
    from slashspan.telemetry.instrument.hooks.component_actions import ComponentActions, TaskWork
    from slashspan.telemetry.instrument.patching import Patches

    Wrapped = Callable[..., Any]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]

_TASK: Final = "schedule_dynamic_item_call"


class DynamicItemHooks:
    """The wrappers of dynamic items."""

    def __init__(self, actions: ComponentActions) -> None:
        self._actions = actions

    def install(self, patches: Patches) -> None:
        from discord.ui.view import ViewStore

        defining_class(ViewStore, _TASK)  # called by `dispatch_dynamic_items`; otherwise AttributeError
        reads = ("component_type", "custom_id", "interaction")
        patches.replace(ViewStore, "dispatch_dynamic_items", self._make_dispatch, reads=reads)

    def _make_dispatch(self, original: Wrapped, active: list[bool]) -> Wrapped:
        observe = self._dispatch

        def dispatch_dynamic_items(store: Any, component_type: int, custom_id: str, interaction: Any) -> Any:
            if not active or not getattr(store, "_dynamic_items", True):  # most bots have none
                return original(store, component_type, custom_id, interaction)
            return observe(original, store, (component_type, custom_id, interaction))

        return dispatch_dynamic_items

    def _dispatch(self, original: Wrapped, store: Any, args: Args) -> Any:
        works: list[TaskWork] = []

        def schedule(call: Wrapped, *call_args: Any, **call_kwargs: Any) -> Awaitable[Any]:
            names = ("component_type", "factory", "interaction")
            call_args, call_kwargs = as_positional(names, call_args, call_kwargs)
            work = self._actions.begin_dynamic(call_args)
            if work is None:
                return call(*call_args, **call_kwargs)  # type: ignore[no-any-return]
            works.append(work)
            return self._run(work, call, call_args, call_kwargs)

        def add_task(add: Wrapped, task: Any) -> Any:
            self._actions.end_with_task(task, works)
            return add(task)

        observers = {
            _TASK: lambda call: partial(schedule, call),
            "add_task": lambda add: partial(add_task, add),
        }
        # Wrapped by somebody else, it gets the real store.
        return original(Observed(store, observers) if is_discords(original) else store, *args)

    async def _run(self, work: TaskWork, call: Wrapped, args: Args, kwargs: Kwargs) -> Any:
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
            self._actions.guarded_done(work)
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
        self._actions.shadows.place(item, self._actions.item_methods)

    @guarded
    def _unshadow_item(self, item: Any) -> None:
        self._actions.shadows.remove(item, self._actions.item_methods)
