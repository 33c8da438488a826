"""Observes what discord.py calls on an object of the bot, without changing the object's class.

A class of the bot may be created for one message and must not be kept alive; a method may be set on the instance. So
`Observed` replaces the object in discord.py's own code only, and `Shadows` sets instance attributes while a call runs,
where other code makes the call.
"""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from slashspan.telemetry.instrument.action import Action

    Observers: TypeAlias = Mapping[str, Callable[[Any], Any]]
    Find: TypeAlias = Callable[[Any], Action | None]
    """The open action of an interaction."""

Method = TypeVar("Method", bound="Callable[..., Any]")
_ABSENT: Final = object()


class Observed:
    """`target`, except for the methods in `observers`, which are replaced by the result of the observer."""

    __slots__ = ("_slashspan_observers", "_slashspan_target")

    def __init__(self, target: Any, observers: Observers) -> None:
        object.__setattr__(self, "_slashspan_target", target)
        object.__setattr__(self, "_slashspan_observers", observers)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._slashspan_target, name)
        observer = self._slashspan_observers.get(name)
        return value if observer is None else observer(value)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._slashspan_target, name, value)

    def __repr__(self) -> str:
        return repr(self._slashspan_target)


def real(value: Any) -> Any:
    """The bot's own object, for arguments that discord.py passes on."""
    return value._slashspan_target if type(value) is Observed else value


def discord_function(method: Any) -> Callable[..., Any] | None:
    """The function of a bound method if it is discord.py's, so that its `self` can be an `Observed`."""
    function = method.__func__ if isinstance(method, MethodType) else None
    return function if isinstance(function, FunctionType) and function.__module__.startswith("discord.") else None


def check(find: Find, method: Method) -> Method:
    """`method`, such as `interaction_check`: False and exceptions are recorded on the action."""

    async def observed(interaction: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            allowed = await method(interaction, *args, **kwargs)
        except BaseException as error:
            if (action := find(interaction)) is not None:
                action.failed(error)
            raise
        if not allowed and (action := find(interaction)) is not None:
            action.rejected = True
        return allowed

    return observed  # type: ignore[return-value]


def callback(find: Find, method: Method) -> Method:
    """`method`, a callback: an exception is recorded on the action."""

    async def observed(interaction: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return await method(interaction, *args, **kwargs)
        except BaseException as error:
            if (action := find(interaction)) is not None:
                action.failed(error)
            raise

    return observed  # type: ignore[return-value]


def error_handler(find: Find, method: Method) -> Method:
    """`method`, an `on_error(interaction, error, …)`: the exception that it handles is recorded on the action."""

    def observed(interaction: Any, error: BaseException, /, *rest: Any) -> Any:
        if (action := find(interaction)) is not None:
            action.failed(error)
        return method(interaction, error, *map(real, rest))

    return observed  # type: ignore[return-value]


class _Shadow:
    """An instance attribute that we set."""

    __slots__ = ("before", "method", "uses")

    def __init__(self, method: Any, before: Any) -> None:
        self.method = method
        self.before = before
        """What the instance had before, or `_ABSENT`."""
        self.uses = 0


class Shadows:
    """Instance attributes that observe the methods of an object while its code runs."""

    def __init__(self) -> None:
        self._placed: dict[tuple[int, str], _Shadow] = {}
        """By the object's id: the caller of `place` keeps the object alive until `remove`."""

    def place(self, target: Any, observers: Observers) -> None:
        """Observe these methods of `target`, if it has them. Each call needs a `remove`."""
        own: dict[str, Any] = vars(target)
        for name, observer in observers.items():
            shadow = self._placed.get((id(target), name))
            if shadow is None:
                method = getattr(target, name, None)
                if method is None:
                    continue
                shadow = self._placed[id(target), name] = _Shadow(observer(method), own.get(name, _ABSENT))
                own[name] = shadow.method
            shadow.uses += 1

    def remove(self, target: Any, observers: Observers) -> None:
        """Undo one `place`. What the bot has set in the meantime stays."""
        own: dict[str, Any] = vars(target)
        for name in observers:
            shadow = self._placed.get((id(target), name))
            if shadow is None:
                continue
            shadow.uses -= 1
            if shadow.uses:
                continue
            del self._placed[id(target), name]
            if own.get(name) is not shadow.method:
                continue
            if shadow.before is _ABSENT:
                del own[name]
            else:
                own[name] = shadow.before
