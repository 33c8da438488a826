"""Buttons, selects, views, dynamic items, modals: the hooks of what discord.py's store of views dispatches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.guard import report
from slashspan.semconv import Kind
from slashspan.telemetry.instrument.hooks.component_actions import ComponentActions
from slashspan.telemetry.instrument.hooks.dynamic_items import DynamicItemHooks
from slashspan.telemetry.instrument.hooks.modals import ModalHooks
from slashspan.telemetry.instrument.hooks.views import ViewHooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from slashspan.telemetry.instrument.hooks.unanswered import Unanswered
    from slashspan.telemetry.instrument.patching import Patches
    from slashspan.telemetry.instrument.recorder import Recorder

    Wrapped = Callable[..., Any]


class ComponentHooks:
    """The wrappers, bound to one recorder."""

    def __init__(self, recorder: Recorder, unanswered: Unanswered) -> None:
        self._recorder = recorder
        self._unanswered = unanswered

    def install(self, patches: Patches) -> None:
        from discord.ui.view import ViewStore

        pressed = ("component_type", "custom_id", "interaction")
        patches.replace(ViewStore, "dispatch_view", self._make_dispatch_view, reads=pressed)
        patches.replace(ViewStore, "dispatch_modal", self._make_dispatch_modal, reads=("custom_id", "interaction"))
        actions = ComponentActions(self._recorder)
        for hooks in (DynamicItemHooks(actions), ViewHooks(actions), ModalHooks(actions)):
            hooks.install(patches)

    def _make_dispatch_view(self, original: Wrapped, active: list[bool]) -> Wrapped:
        begin, find = self._unanswered.begin, self._recorder.find

        def dispatch_view(store: Any, component_type: int, custom_id: str, interaction: Any, *rest: Any) -> Any:
            result = original(store, component_type, custom_id, interaction, *rest)
            if active and find(interaction.id) is None:
                try:  # not `guarded`, which would cost another call
                    begin(Kind.COMPONENT, interaction)
                except Exception:  # noqa: BLE001 - a bug of ours stays ours
                    report("Unanswered.begin")
            return result

        return dispatch_view

    def _make_dispatch_modal(self, original: Wrapped, active: list[bool]) -> Wrapped:
        begin, find = self._unanswered.begin, self._recorder.find

        def dispatch_modal(store: Any, custom_id: str, interaction: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(store, custom_id, interaction, *args, **kwargs)
            if active and find(interaction.id) is None:
                try:
                    begin(Kind.MODAL, interaction)
                except Exception:  # noqa: BLE001 - as above
                    report("Unanswered.begin")
            return result

        return dispatch_modal
