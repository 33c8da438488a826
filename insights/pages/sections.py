"""What a page shows, in which order."""

from __future__ import annotations

from typing import Final

SECTIONS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("used", "What is used", ("calls", "commands", "hours")),
    ("fails", "What fails", ("outcomes", "errors", "error-types")),
    ("slow", "What is slow", ("durations", "checkpoints")),
    ("answers", "The 3 seconds that Discord waits", ("acknowledgements", "arrival")),
    (
        "users",
        "Who uses it",
        ("active-users", "stickiness", "lifecycle", "retention", "calls-per-user", "power-users", "guilds", "locales"),
    ),
    ("next", "What comes next", ("next-commands",)),
    ("releases", "Releases", ("releases",)),
    ("recording", "Recording", ("pipeline",)),
)
"""Name in the address, heading, and the names of charts."""
