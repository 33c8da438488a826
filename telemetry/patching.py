"""Wrapping attributes of classes, and putting back exactly what was there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    from collections.abc import Callable

    Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]


class Patches:
    """What one instrumentation has wrapped.

    Class attributes are patched, not instances, because discord.py looks them up at call time: a bot that is
    connected already is reached too.
    """

    def __init__(self) -> None:
        self._applied: list[tuple[type, str, Any, wrapt.FunctionWrapper[..., Any]]] = []
        self._active = True

    def wrap(self, owner: type, name: str, wrapper: Wrapper) -> None:
        """Wrap `owner.name`, defined on `owner` itself. Raises AttributeError where this discord.py has none."""
        try:
            original = vars(owner)[name]
        except KeyError:
            raise AttributeError(f"{owner.__module__}.{owner.__qualname__} has no {name!r} of its own") from None
        # wrapt asks `enabled` at each call: a wrapper that somebody else wrapped in turn cannot be taken out, but it
        # can be made to pass calls through untouched.
        proxy = wrapt.FunctionWrapper(original, wrapper, enabled=self._is_active)
        setattr(owner, name, proxy)
        self._applied.append((owner, name, original, proxy))

    def has(self, owner: type, name: str) -> bool:
        """Whether `owner.name` is wrapped by this instrumentation."""
        return any(applied[0] is owner and applied[1] == name for applied in self._applied)

    def restore(self) -> None:
        """Put every original back, the last first."""
        self._active = False
        while self._applied:
            owner, name, original, proxy = self._applied.pop()
            if vars(owner).get(name) is proxy:
                setattr(owner, name, original)

    def _is_active(self) -> bool:
        return self._active


def defining_class(cls: type, name: str) -> type:
    """The class in the MRO of `cls` whose own attribute `name` is; that is where to patch it."""
    for base in cls.__mro__:
        if name in vars(base):
            return base
    raise AttributeError(f"{cls.__qualname__} has no {name!r}")
