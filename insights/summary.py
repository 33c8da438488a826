"""The numbers that a bot's owner needs first."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from slashspan.insights.reader import Reader

SLOW_MS: Final = 100.0
"""A step longer than this counts as slow."""
_EVER: Final = (datetime(1, 1, 1, tzinfo=timezone.utc), datetime(9999, 1, 1, tzinfo=timezone.utc))


@dataclass(frozen=True, slots=True)
class CommandStats:
    """One command. Milliseconds; nearest-rank percentiles; None if nothing was measured."""

    kind: str
    command: str
    calls: int
    users: int
    ok: int
    errors: int
    rejected: int
    p50_ms: float | None
    p95_ms: float | None
    ack_p95_ms: float | None

    @property
    def error_share(self) -> float | None:
        """Errors among the calls that ran: error ÷ (ok + error). Rejections are not failures."""
        ran = self.ok + self.errors
        return self.errors / ran if ran else None


@dataclass(frozen=True, slots=True)
class StepStats:
    """One checkpoint of one command."""

    command: str
    name: str
    calls: int
    p95_ms: float | None
    slow: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of one period."""

    calls: int
    users: int
    first: datetime | None
    last: datetime | None
    outcomes: dict[str, int]
    commands: tuple[CommandStats, ...]
    steps: tuple[StepStats, ...]

    def to_json(self) -> str:
        """The same numbers for programs: ASCII, which every encoding has; times in ISO 8601, UTC."""
        data = asdict(self)
        data["commands"] = [{**asdict(command), "error_share": command.error_share} for command in self.commands]
        return json.dumps(data, indent=2, default=lambda value: value.isoformat())


def summary(
    reader: Reader, *, since: datetime | None = None, until: datetime | None = None, slow_ms: float = SLOW_MS
) -> Summary:
    """Everything called from `since` up to but not including `until`. Raises ReadError."""
    bounds = {"since": since or _EVER[0], "until": until or _EVER[1]}
    totals = reader.query("totals", bounds)[0]
    return Summary(
        calls=totals["calls"],
        users=totals["users"],
        first=_as_datetime(totals["first"]),
        last=_as_datetime(totals["last"]),
        outcomes={row["outcome"]: row["calls"] for row in reader.query("outcomes", bounds)},
        commands=tuple(CommandStats(**row) for row in reader.query("commands", bounds)),
        steps=tuple(StepStats(**row) for row in reader.query("steps", {**bounds, "slow_ms": slow_ms})),
    )


def _as_datetime(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:  # SQLite stores any text as a time
            return None
        return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    return value if isinstance(value, datetime) else None
