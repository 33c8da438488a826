"""Wrapping attributes of classes, and putting back exactly what was there."""

from __future__ import annotations

import functools
import inspect
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import wrapt

from slashspan.guard import guarded, report

if TYPE_CHECKING:
    from collections.abc import Callable

    Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]

_ABSENT: Final = object()


class Patches:
    """What one instrumentation has wrapped.

    Class attributes are patched, not instances, because discord.py looks them up at call time: a bot that is
    connected already is reached too.
    """

    def __init__(self) -> None:
        self._applied: list[tuple[type, str, Any, Any]] = []
        self._active = [True]
        """Emptied when restored; a list, so that every wrapper sees it."""

    def wrap(self, owner: type, name: str, wrapper: Wrapper) -> None:
        """Wrap `owner.name`, defined on `owner` itself. Raises AttributeError where this discord.py has none."""
        original = _own(owner, name)
        self._put(owner, name, original, self._around(original, wrapper))

    def before(self, owner: type, name: str, note: Callable[[Any], None]) -> None:
        """Call `note` with the instance before the method `owner.name`: for what must cost next to nothing."""
        active = self._active
        original = _own(owner, name)
        if not isinstance(original, FunctionType):

            def noted(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
                guarded(note)(instance)
                return wrapped(*args, **kwargs)

            self.wrap(owner, name, noted)
            return

        @functools.wraps(original)
        def patched(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
            if active:
                try:  # not `guarded`, which would cost another call
                    note(instance)
                except Exception:  # noqa: BLE001 - a bug of ours stays ours
                    report(name)
            return original(instance, *args, **kwargs)

        self._put(owner, name, original, _as_coroutine_function(patched, original))

    def add(self, owner: type, name: str, value: Any) -> None:
        """Give `owner` an attribute that it has not. Raises AttributeError when it has one."""
        if name in vars(owner):
            raise AttributeError(f"{owner.__module__}.{owner.__qualname__} has a {name!r} of its own")
        self._put(owner, name, _ABSENT, value)

    def _put(self, owner: type, name: str, original: Any, patched: Any) -> None:
        setattr(owner, name, patched)
        self._applied.append((owner, name, original, patched))

    def _around(self, original: Any, wrapper: Wrapper) -> Any:
        # A wrapper that somebody else wrapped in turn cannot be taken out, but it can be made to pass calls through.
        active = self._active
        if not isinstance(original, FunctionType):  # a class method, or what another instrumentation has put there
            return wrapt.FunctionWrapper(original, wrapper, enabled=lambda: bool(active))

        # Some of these run for every message in every channel; a plain function costs a third of a wrapt object.
        @functools.wraps(original)
        def patched(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
            if active:
                return wrapper(original.__get__(instance), instance, args, kwargs)
            return original(instance, *args, **kwargs)

        return _as_coroutine_function(patched, original)

    def has(self, owner: type, name: str) -> bool:
        """Whether `owner.name` is wrapped by this instrumentation."""
        return any(applied[0] is owner and applied[1] == name for applied in self._applied)

    def restore(self) -> None:
        """Put every original back, the last first."""
        self._active.clear()
        while self._applied:
            owner, name, original, patched = self._applied.pop()
            if vars(owner).get(name) is not patched:
                continue
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


def _as_coroutine_function(patched: Any, original: Any) -> Any:
    """`patched`, which `inspect.iscoroutinefunction` answers as it does for `original`."""
    if not inspect.iscoroutinefunction(original):
        return patched
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(patched)

    @functools.wraps(original)
    async def coroutine_function(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await patched(instance, *args, **kwargs)

    return coroutine_function


def _own(owner: type, name: str) -> Any:
    try:
        return vars(owner)[name]
    except KeyError:
        raise AttributeError(f"{owner.__module__}.{owner.__qualname__} has no {name!r} of its own") from None


def defining_class(cls: type, name: str) -> type:
    """The class in the MRO of `cls` whose own attribute `name` is; that is where to patch it."""
    for base in cls.__mro__:
        if name in vars(base):
            return base
    raise AttributeError(f"{cls.__qualname__} has no {name!r}")
