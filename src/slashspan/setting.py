"""One setting: its variable, and how its text becomes a value."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import platformdirs

from slashspan.dsn import Dsn, mask_dsn
from slashspan.errors import ConfigurationError
from slashspan.masking import HIDDEN
from slashspan.semconv import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NONE: Final = "none"
DEFAULT_ZONE: Final = "UTC"


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: its name, default (as text), parser and meaning."""

    name: str
    default: str
    parse: Callable[[str], Any]
    meaning: str
    secret: bool = False

    def read(self, environ: Mapping[str, str]) -> Any:
        """The value in `environ`; an empty variable counts as unset. Raises ConfigurationError."""
        text = environ.get(self.name, "").strip() or self.default
        try:
            return self.parse(text)
        except ConfigurationError:
            raise
        except ValueError as error:
            raise ConfigurationError(f"{self.name}={self.shown(repr(text))}: {error}") from None

    def shown(self, text: str) -> str:
        """The value without its secrets."""
        if self.parse == Dsn.parse:
            return mask_dsn(text)
        return HIDDEN if self.secret else text


def number(kind: type[int | float], least: float, most: float = float("inf")) -> Callable[[str], Any]:
    what = "a whole number" if kind is int else "a number"
    bounds = f"{what} of at least {least}" if most == float("inf") else f"{what} from {least} to {most}"

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(f"must be {bounds}") from None
        if not least <= value <= most:  # also refuses NaN
            raise ValueError(f"must be {bounds}")
        return value

    return parse


def choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return text.lower()

    return parse


def names_in(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in (part.strip() for part in text.split(",")) if part))


def exporter_names(text: str) -> tuple[str, ...]:
    names = names_in(text)
    if NONE in names:
        if names != (NONE,):
            raise ValueError("'none' turns everything off and cannot be combined")
        return ()
    return names


def kind_names(text: str) -> frozenset[str]:
    names = names_in(text.lower())
    unknown = [name for name in names if name not in Kind.ALL]
    if unknown or not names:
        raise ValueError(f"must be a comma-separated list of: {', '.join(Kind.ALL)}")
    return frozenset(names)


def funnel_steps(text: str) -> tuple[str, ...]:
    steps = tuple(step for step in (part.strip().removeprefix("/") for part in text.split(",")) if step)
    if text and len(steps) < 2:
        raise ValueError("must be at least two steps in their order, separated by commas, such as setup,leaderboard")
    return steps


def flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def zone_name(text: str) -> str:
    try:
        if text != DEFAULT_ZONE:  # which is known everywhere
            ZoneInfo(text)
    except (LookupError, ValueError, OSError):
        raise ValueError("is no time zone; use a name such as Europe/Berlin, or UTC") from None
    return text


def log_format(text: str) -> str:
    if text:
        logging.Formatter(text)  # raises ValueError
    return text


def spool_folder(text: str) -> Path | None:
    if text.lower() == "off":
        return None
    try:
        return Path(text).expanduser() if text else platformdirs.user_state_path("slashspan", appauthor=False) / "spool"
    except RuntimeError:
        raise ValueError("names the home folder of an unknown user; write an absolute path, or `off`") from None
