"""The name of this process's service where nobody gave one: the script's or module's, as `slashspan run` names it.

OpenTelemetry's own default, `unknown_service:python`, would be the same for every bot.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VARIABLE: Final = "_SLASHSPAN_RUN_SERVICE"
"""Carries the name to the children of a recorded bot. Not a setting."""
UNNAMED: Final = "python"
"""`python -c`, a prompt, a notebook."""
_WITH_ARGUMENT: Final = "cmWX"
"""Options of Python that take an argument (https://docs.python.org/3/using/cmdline.html)."""


def is_given(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's own variables name the service."""
    if environ.get("OTEL_SERVICE_NAME", "").strip():
        return True
    pairs = environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    return any(pair.partition("=")[0].strip() == "service.name" for pair in pairs)


def is_unknown(name: str | None) -> bool:
    """Whether `name` is missing, or OpenTelemetry's `unknown_service:…`."""
    return not name or name.startswith("unknown_service")


@functools.cache
def process_name() -> str:
    """The name of the running script or module, the same for the whole life of the process and of those it forks."""
    main: Any = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return of_module(spec.name)
    file = getattr(main, "__file__", None)
    return Path(file).absolute().stem if file else of_command(sys.orig_argv)


def of_module(name: str) -> str:
    """`bots.ladder` for `python -m bots.ladder`, also where that is a package."""
    return name.removesuffix(".__main__")


def of_command(command: Sequence[str]) -> str:
    """The name of what `python …` runs, from its command line: all there is before the script begins."""
    words = iter(command[1:])
    for word in words:
        if word == "--check-hash-based-pycs":
            next(words, None)
        elif not word.startswith("-"):
            return Path(word).absolute().stem
        elif not word.startswith("--"):
            for place, letter in enumerate(word[1:], 2):
                if letter in _WITH_ARGUMENT:
                    argument = word[place:] or next(words, "")
                    if letter == "m":
                        return of_module(argument) or UNNAMED
                    if letter == "c":
                        return UNNAMED
                    break
    return UNNAMED
