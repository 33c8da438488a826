"""Code that runs after an action has ended must not have its finished span as parent.

A view's timeout task and code that resumes from `wait_for` keep the context of the command that started them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from opentelemetry import context as context_api
from opentelemetry.context import Context

from slashspan.telemetry.instrument.action import current_action
from slashspan.telemetry.instrument.patching import defining_class

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slashspan.telemetry.instrument.patching import Patches


def install(patches: Patches) -> None:
    """Detaches the context where it outlives the action."""
    view = defining_class(discord.ui.View, "_dispatch_timeout")
    patches.wrap(view, "_dispatch_timeout", _dispatch_timeout)
    patches.wrap(discord.Client, "wait_for", _wait_for)


def _dispatch_timeout(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # `on_timeout` runs in a task created inside, which copies the current context.
    context = context_api.attach(Context())
    action = current_action.set(None)
    try:
        return wrapped(*args, **kwargs)
    finally:
        current_action.reset(action)
        context_api.detach(context)


def _wait_for(wrapped: Callable[..., Awaitable[Any]], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # discord.py registers the waiter when `wait_for` is called, not when what it returns is awaited.
    waiting = wrapped(*args, **kwargs)
    return waiting if current_action.get() is None else _resumed_outside(waiting)


async def _resumed_outside(waiting: Awaitable[Any]) -> Any:
    """Await it; if the action has ended in the meantime, the rest of the waiting task is not part of it."""
    try:
        return await waiting
    finally:
        action = current_action.get()
        if action is not None and action.ended:
            current_action.set(None)
            context_api.attach(Context())
