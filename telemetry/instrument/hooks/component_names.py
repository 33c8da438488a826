"""Names buttons and selects: by names in the bot's code, never by the custom_id, which may contain anything."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def component_name(item: Any, view: Any) -> str:
    """`Poll.vote`: the view's class and the item's name on it; or the item's class, if the bot defines one."""
    if not type(item).__module__.startswith("discord."):
        return type(item).__name__
    view_name = type(view).__name__
    # What `@discord.ui.button` makes of a method refers to the method.
    decorated = getattr(getattr(item, "callback", None), "callback", None)
    name = _own_name(decorated) or next(_names(item, view), None)
    if name is not None:
        return f"{view_name}.{name}"
    return type(item).__name__ if _is_discords(type(view)) else view_name


def _names(item: Any, view: Any) -> Iterator[str]:
    """The names in the code of an item that was not decorated, the best first."""
    callback = getattr(item, "callback", None)
    for attribute, value in vars(view).items():
        if value is item:
            yield attribute
    while isinstance(callback, functools.partial):
        callback = callback.func
    if not _is_discords(callback) and (name := _own_name(callback)) is not None:
        yield name


def _own_name(function: Any) -> str | None:
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) and name.isidentifier() else None  # a lambda has no usable name


def _is_discords(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).startswith("discord.")
