"""Buttons, selects, views, dynamic items, modals.

discord.py creates the coroutine that will answer while it dispatches (`_scheduled_task`, `schedule_dynamic_item_call`),
so a wrapper's synchronous part sees whether anything answers at all. What happens inside is seen in the user's own
methods (`on_error`, `interaction_check`, `callback`, …), wrapped on the class that defines them, since discord.py
swallows or only logs what they raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from slashspan.guard import guarded
from slashspan.semconv import Kind
from telemetry.instrument import attributes
from telemetry.instrument.gateway import frame_of
from telemetry.instrument.hooks.scope import activate, deactivate
from telemetry.instrument.patching import ANY, defining_class

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from telemetry.instrument.action import Action, Recorder
    from telemetry.instrument.hooks.unanswered import Unanswered
    from telemetry.instrument.patching import Patches

    Wrapped = Callable[..., Any]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]


class ComponentHooks:
    """The wrappers, bound to one recorder."""

    def __init__(self, recorder: Recorder, unanswered: Unanswered) -> None:
        self._recorder = recorder
        self._unanswered = unanswered
        self._known: set[type] = set()

    def install(self, patches: Patches) -> None:
        from discord.ui.view import ViewStore

        view = defining_class(discord.ui.View, "_scheduled_task")
        self._patches = patches
        pressed = ("component_type", "custom_id", "interaction")
        patches.wrap(ViewStore, "dispatch_view", self._dispatch_view, reads=pressed)
        patches.wrap(ViewStore, "dispatch_modal", self._dispatch_modal, reads=("custom_id", "interaction"))
        dynamic = ("component_type", "factory", "interaction")
        patches.wrap(ViewStore, "schedule_dynamic_item_call", self._dynamic_task, reads=dynamic, at_call=True)
        patches.wrap(view, "_scheduled_task", self._view_task, reads=("item", "interaction"), at_call=True)
        patches.wrap(discord.ui.Modal, "_scheduled_task", self._modal_task, reads=("interaction",), at_call=True)

    # What discord.py calls, in this order: dispatch (synchronous), then the task that answers.

    def _dispatch_view(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Any:
        result = wrapped(*args, **kwargs)
        self._unanswered.on_dispatched(Kind.COMPONENT, args[2])
        return result

    def _dispatch_modal(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Any:
        result = wrapped(*args, **kwargs)
        self._unanswered.on_dispatched(Kind.MODAL, args[1])
        return result

    def _view_task(self, wrapped: Wrapped, view: Any, args: Args, kwargs: Kwargs) -> Awaitable[Any]:
        item, interaction = args[0], args[1]
        action = self._begin(Kind.COMPONENT, _item_name(item, view), interaction)
        if action is None:
            return wrapped(*args, **kwargs)  # type: ignore[no-any-return]
        self._watch_view(view)
        self._watch_checks(item)
        return self._work(action, wrapped, args, kwargs)

    def _modal_task(self, wrapped: Wrapped, modal: Any, args: Args, kwargs: Kwargs) -> Awaitable[Any]:
        action = self._begin(Kind.MODAL, type(modal).__name__, args[0])
        if action is None:
            return wrapped(*args, **kwargs)  # type: ignore[no-any-return]
        self._watch_view(modal)
        return self._work(action, wrapped, args, kwargs)

    def _dynamic_task(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Awaitable[Any]:
        factory, interaction = args[1], args[2]
        action = self._begin(Kind.COMPONENT, factory.__name__, interaction)
        if action is None:
            return wrapped(*args, **kwargs)  # type: ignore[no-any-return]
        self._watch_dynamic(factory)
        if action.work == 1:
            action.unmatched = True  # until its code is reached: discord.py may not find the item in the message
        return self._work(action, wrapped, args, kwargs)

    async def _work(self, action: Action, wrapped: Wrapped, args: Args, kwargs: Kwargs) -> Any:
        tokens = activate(action)
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            action.failed(error)
            raise
        finally:
            deactivate(tokens)
            self._done(action)

    @guarded
    def _begin(self, kind: str, name: str, interaction: discord.Interaction[Any]) -> Action | None:
        action = self._recorder.find(interaction.id)
        if action is None:
            frame = frame_of(interaction.id)
            known = attributes.of_interaction(interaction, frame)
            action = self._recorder.begin(kind, name, interaction.id, known, frame)
        else:
            action.unmatched = False  # a view's item as well as a dynamic item: something certainly answers
        action.work += 1
        return action

    @guarded
    def _done(self, action: Action) -> None:
        action.work -= 1
        if action.work == 0:
            self._recorder.end(action)

    # The user's own methods. Each class is checked once.

    @guarded
    def _watch_view(self, view: Any) -> None:
        if type(view) not in self._known:
            self._known.add(type(view))
            self._wrap_once(type(view), "on_error", self._on_error, reads=(ANY, ANY))
            self._wrap_once(type(view), "interaction_check", self._interaction_check)

    @guarded
    def _watch_checks(self, item: Any) -> None:
        while isinstance(item, discord.ui.Item):
            if type(item) not in self._known:
                self._known.add(type(item))
                self._wrap_once(type(item), "interaction_check", self._interaction_check)
            item = getattr(item, "_parent", None)  # 2.6: rows, sections and containers check too

    @guarded
    def _watch_dynamic(self, factory: type) -> None:
        if factory not in self._known:
            self._known.add(factory)
            self._wrap_once(factory, "from_custom_id", self._dynamic_step)
            self._wrap_once(factory, "interaction_check", self._dynamic_check)
            self._wrap_once(factory, "callback", self._dynamic_step)

    def _wrap_once(self, cls: type, name: str, wrapper: Callable[..., Any], reads: Sequence[str] = (ANY,)) -> None:
        owner = defining_class(cls, name)
        if not self._patches.has(owner, name):
            self._patches.wrap(owner, name, wrapper, reads=reads)

    async def _on_error(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Any:
        self._record_error(args[0], args[1])
        return await wrapped(*args, **kwargs)

    async def _interaction_check(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Any:
        allowed = await wrapped(*args, **kwargs)
        if not allowed:
            self._mark_rejected(args[0])
        return allowed

    async def _dynamic_step(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Any:
        self._mark_matched(args[0])
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            self._record_error(args[0], error)
            raise

    async def _dynamic_check(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Any:
        try:
            allowed = await wrapped(*args, **kwargs)
        except BaseException as error:
            self._record_error(args[0], error)
            raise
        if not allowed:
            self._mark_rejected(args[0])
        return allowed

    @guarded
    def _record_error(self, interaction: discord.Interaction[Any], error: BaseException) -> None:
        if (action := self._recorder.find(interaction.id)) is not None:
            action.failed(error)

    @guarded
    def _mark_rejected(self, interaction: discord.Interaction[Any]) -> None:
        if (action := self._recorder.find(interaction.id)) is not None:
            action.rejected = True

    @guarded
    def _mark_matched(self, interaction: discord.Interaction[Any]) -> None:
        if (action := self._recorder.find(interaction.id)) is not None:
            action.unmatched = False


def _item_name(item: Any, view: Any) -> str:
    """The item's class if the bot defines one, otherwise the view's: `Button` alone would be meaningless."""
    for thing in (item, view):
        if not type(thing).__module__.startswith("discord."):
            return type(thing).__name__
    return type(item).__name__
