"""What a page shows, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.insights.filters import Filters

Section = tuple[str, str, tuple[str, ...]]
"""Name in the address, which no chart has, heading, and the names of charts."""
_USERS: Final = ("users", "Who uses it")
_ANSWERS: Final = ("answers", "The 3 seconds that Discord waits", ("acknowledgements", "arrival"))
NEXT: Final = "next"
_END: Final[tuple[Section, ...]] = (
    (NEXT, "What comes next", ("next-commands",)),
    ("versions", "Releases", ("releases",)),
    ("recording", "Recording", ("pipeline",)),
)
SECTIONS: Final[tuple[Section, ...]] = (
    ("used", "What is used", ("calls", "commands", "hours")),
    ("fails", "What fails", ("outcomes", "errors", "error-types")),
    ("slow", "What is slow", ("durations", "checkpoints")),
    _ANSWERS,
    (
        *_USERS,
        ("active-users", "stickiness", "lifecycle", "retention", "calls-per-user", "power-users", "guilds", "locales"),
    ),
    *_END,
)
_COMMAND: Final[tuple[Section, ...]] = (
    ("used", "How much it is used", ("calls", "hours")),
    ("fails", "How it fails", ("outcomes", "error-types")),
    ("slow", "How long it takes", ("duration-histogram", "checkpoints")),
    _ANSWERS,
    (*_USERS, ("active-users", "lifecycle", "retention", "calls-per-user", "guilds", "locales")),
    *_END,
)
"""Of one command: nothing is compared with others."""


def sections_of(filters: Filters, funnel: Sequence[str] = ()) -> tuple[Section, ...]:
    """Of all commands, of some, or of a single one. `funnel`: the steps of one that is shown if they are called."""
    found = _COMMAND if len(filters.commands) == 1 else SECTIONS
    if not funnel or (filters.commands and not set(filters.commands) & set(funnel)):
        return found
    return tuple((name, heading, (*charts, "funnel") if name == NEXT else charts) for name, heading, charts in found)


def options_of(name: str, funnel: Sequence[str]) -> dict[str, Any]:
    """Of the report of this name on a page."""
    return {"steps": funnel} if name == "funnel" else {}
