"""Wraps attributes of classes, hook by hook, and restores exactly what was there.

discord.py's private names may differ in another version. So the patches of one hook are installed together or not at
all (`Patches.install`), a method's parameters are checked when it is wrapped, and a wrapper sees the arguments that it
reads as positional ones however the method was called.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import wrapt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
    Make = Callable[[Callable[..., Any], list[bool]], Callable[..., Any]]

ANY: Final = ""
"""For `reads`: an argument whose name the bot chooses."""
_ABSENT: Final = object()


class Patches:
    """The patches of one instrumentation. Keeps neither classes nor their methods alive: they may be the bot's.

    Class attributes are patched, not instances, because discord.py looks them up at call time: so
    a connected bot is reached as well.
    """

    def __init__(self) -> None:
        self._wrapped: weakref.WeakKeyDictionary[type, list[tuple[str, weakref.ref[Any]]]] = weakref.WeakKeyDictionary()
        self._added: list[tuple[type, str, Any]] = []
        self._active = [True]
        """Cleared on restore; a list, so that every wrapper sees it."""
        self._before_restore: list[Callable[[], object]] = []
        self.missing: list[str] = []
        """What is not recorded because its hook could not be installed, each with the reason."""

    def install(self, records: str, install: Callable[[Patches], None]) -> None:
        """Apply all patches of a hook, or none of them if one fails: then `records` is added to `missing`.

        `install` imports private names itself, so that a name missing in this discord.py fails here.
        """
        wrapped = {owner: len(patches) for owner, patches in self._wrapped.items()}
        added = len(self._added)
        try:
            install(self)
        except Exception as error:  # noqa: BLE001 - whatever this discord.py lacks
            for owner, patches in list(self._wrapped.items()):
                _unwrap(owner, patches, keep=wrapped.get(owner, 0))
            self._remove_added(keep=added)
            self.missing.append(f"{records} ({error})")

    def wrap(self, owner: type, name: str, wrapper: Wrapper, *, reads: Sequence[str] = ()) -> None:
        """Wrap `owner.name`, defined on `owner` itself.

        `reads` names the leading arguments that `wrapper` reads: it finds them in `args`, also when they were passed by
        keyword, and is not called without them. Of a coroutine function it may run only when what that returns is
        awaited. Raises AttributeError where this discord.py has no such method, or one with other parameters.
        """
        original = _own(owner, name)
        names = _leading_parameters(owner, name, original, reads)
        count = len(reads)
        # A wrapper that was wrapped by somebody else cannot be removed, but it can pass calls through.
        active = self._active
        if not isinstance(original, FunctionType):  # a class method, or a wrapper of another instrumentation

            def checked(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: dict[str, Any]) -> Any:
                if kwargs and count:
                    args, kwargs = as_positional(names, args, kwargs)
                return wrapper(wrapped, instance, args, kwargs) if len(args) >= count else wrapped(*args, **kwargs)

            self._put(owner, name, wrapt.FunctionWrapper(original, checked, enabled=lambda: bool(active)))
            return

        # Some of these run for every message in every channel; a plain function costs a third of a wrapt object.
        @functools.wraps(original)
        def patched(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
            if active:
                if kwargs and count:
                    args, kwargs = as_positional(names, args, kwargs)
                if len(args) >= count:
                    return wrapper(original.__get__(instance), instance, args, kwargs)
            return original(instance, *args, **kwargs)

        # Repeated, because calling one function from the other would cost another call for every message.
        @functools.wraps(original)
        async def patched_coroutine(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
            if active:
                if kwargs and count:
                    args, kwargs = as_positional(names, args, kwargs)
                if len(args) >= count:
                    return await wrapper(original.__get__(instance), instance, args, kwargs)
            return await original(instance, *args, **kwargs)

        self._put(owner, name, _like(original, patched, patched_coroutine))

    def replace(self, owner: type, name: str, make: Make, *, reads: Sequence[str] = ()) -> None:
        """Replace the method `owner.name` by what `make(original, active)` returns; cheaper than `wrap`.

        Nothing is called in between, so the replacement has the parameters of the original, calls
        `original(instance, …)` itself, does only that while `active` is empty, and raises nothing of ours. It is a
        coroutine function if the original is one, or, where nobody asks, returns a coroutine. `reads`: as in `wrap`.
        """
        original = _own(owner, name)
        if isinstance(original, (classmethod, staticmethod)):
            raise AttributeError(f"{owner.__module__}.{owner.__qualname__}.{name} is not a method")  # noqa: TRY004 - as above
        _leading_parameters(owner, name, original, reads)
        call = original if isinstance(original, FunctionType) else _unbound(original)
        made = functools.wraps(original)(make(call, self._active))
        if sys.version_info >= (3, 12) and inspect.iscoroutinefunction(original):
            made = inspect.markcoroutinefunction(made)
        self._put(owner, name, made)

    def add(self, owner: type, name: str, value: Any) -> None:
        """Give `owner` an attribute that it does not have. Raises AttributeError when it has one."""
        if name in vars(owner):
            raise AttributeError(f"{owner.__module__}.{owner.__qualname__} has a {name!r} of its own")
        setattr(owner, name, value)
        self._added.append((owner, name, value))

    def before_restore(self, call: Callable[[], object]) -> None:
        """Have this called before the originals are restored."""
        self._before_restore.append(call)

    def has(self, owner: type, name: str) -> bool:
        """Whether `owner.name` is wrapped by this instrumentation."""
        return any(wrapped == name for wrapped, _ in self._wrapped.get(owner, ()))

    def restore(self) -> None:
        """Restore all originals, last patched first."""
        for call in self._before_restore:
            call()
        self._active.clear()
        self._remove_added(keep=0)
        for owner, patches in list(self._wrapped.items()):
            _unwrap(owner, patches, keep=0)

    def _put(self, owner: type, name: str, patched: Any) -> None:
        setattr(owner, name, patched)
        self._wrapped.setdefault(owner, []).append((name, weakref.ref(patched)))

    def _remove_added(self, keep: int) -> None:
        while len(self._added) > keep:
            owner, name, value = self._added.pop()
            if vars(owner).get(name, _ABSENT) is value:
                delattr(owner, name)


def _unwrap(owner: type, patches: list[tuple[str, weakref.ref[Any]]], keep: int) -> None:
    while len(patches) > keep:
        name, ref = patches.pop()
        patched: Any = ref()
        on_top = vars(owner).get(name) is patched  # otherwise somebody else's wrapper is
        if patched is not None and on_top:
            setattr(owner, name, patched.__wrapped__)


def _like(original: Any, patched: Any, patched_coroutine: Any) -> Any:
    """Whichever of the two is a coroutine function exactly if `original` is one.

    Before Python 3.12 only a real coroutine function does that, and its body runs when it is awaited.
    """
    if not inspect.iscoroutinefunction(original):
        return patched
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(patched)
    return patched_coroutine


def _unbound(original: Any) -> Callable[..., Any]:
    """A function that calls the wrapper of another instrumentation as a method of its first argument."""

    def call(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        return original.__get__(instance, type(instance))(*args, **kwargs)

    return call


def _own(owner: type, name: str) -> Any:
    try:
        return vars(owner)[name]
    except KeyError:
        raise AttributeError(f"{owner.__module__}.{owner.__qualname__} has no {name!r} of its own") from None


def _leading_parameters(owner: type, name: str, original: Any, reads: Sequence[str]) -> tuple[str, ...]:
    """Names of the parameters that hold the arguments in `reads`; ANY for one that cannot be passed by keyword.

    Raises AttributeError when there are fewer, or when one of them is somewhere else.
    """
    if not reads:
        return ()
    bound = isinstance(original, classmethod)
    try:
        parameters = list(inspect.signature(original.__get__(None, owner) if bound else original).parameters.values())
    except (TypeError, ValueError):  # not a Python function: its parameters are unknown
        return (ANY,) * len(reads)
    names: list[str] = []
    for parameter in parameters if bound else parameters[1:]:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [ANY] * (len(reads) - len(names))
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            break
        names.append(parameter.name)
    moved = any(read in names and names.index(read) != at for at, read in enumerate(reads) if read)
    if moved or len(names) < len(reads):
        has, needed = ", ".join(names), ", ".join(read or "…" for read in reads)
        raise AttributeError(f"{owner.__module__}.{owner.__qualname__}.{name} takes ({has}), not ({needed})")
    by_keyword = {p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    return tuple(name if name in by_keyword else ANY for name in names[: len(reads)])


def as_positional(
    names: Sequence[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same arguments, with those of the parameters `names` at their positions."""
    moved = []
    for name in names[len(args) :]:
        if name not in kwargs:
            break
        moved.append(kwargs.pop(name))
    return (*args, *moved), kwargs


def defining_class(cls: type, name: str) -> type:
    """The class in the MRO of `cls` that defines `name`, which is where to patch it."""
    for base in cls.__mro__:
        if name in vars(base):
            return base
    raise AttributeError(f"{cls.__qualname__} has no {name!r}")
