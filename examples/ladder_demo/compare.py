"""Compares the stand-in's ledger with the table: each action once, with the right values."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from slashspan.insights.filters import ALL_KINDS, Filters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from discord_standin import Action

    from slashspan.insights import BlockingReader

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def differences(actions: Sequence[Action], reader: BlockingReader) -> list[str]:
    """One line for each difference; empty if there is none. The `note` of an action is what its row should contain."""
    since = _EPOCH + timedelta(microseconds=min(action.sent_ns for action in actions) // 1000)
    rows = reader.query("rows", Filters(since=since, kinds=ALL_KINDS))
    by_id = {row["interaction_id"]: row for row in rows}
    times = Counter(row["interaction_id"] for row in rows)
    found: list[str] = []
    for action in actions:
        name = f"{action.kind} {action.command!r} ({action.id})"
        if times[action.id] != 1:
            found.append(f"{name}: recorded {times[action.id]} times")
            continue
        found.extend(f"{name}: {problem}" for problem in _compare(action, by_id[action.id]))
    sent = {action.id for action in actions}
    found.extend(
        f"row {row['interaction_id']} ({row['command']}): never sent"
        for row in rows
        if row["interaction_id"] not in sent
    )
    return found


def _compare(action: Action, row: dict[str, Any]) -> Iterable[str]:
    wanted = {
        "kind": action.note.kind,
        "command": action.note.command,
        "outcome": action.note.outcome,
        "discord_uid": action.user.id,
        "player_name": action.user.name,
        "guild_id": None if action.guild is None else action.guild.id,
        "channel_id": action.channel.id,
        "locale": action.user.locale if action.kind != "prefix" else None,
    }
    for column, value in wanted.items():
        if row[column] != value:
            yield f"{column} is {row[column]!r}, not {value!r}"
    called = _microseconds(row["called_at"])
    latest = min((call.received_ns for call in action.calls), default=None)
    if called < action.sent_ns // 1000:
        yield f"called_at is {action.sent_ns // 1000 - called} µs before it was sent"
    if latest is not None and called > latest // 1000:
        yield f"called_at is {called - latest // 1000} µs after the bot's first call"
    ack = action.ack
    if (row["ack_ms"] is None) != (ack is None):
        yield f"ack_ms is {row['ack_ms']}, but Discord accepted {ack}"
    elif ack is not None and row["ack_ms"] * 1000 + called + 1 < ack.received_ns // 1000:
        yield f"ack_ms is {row['ack_ms']}, before the acknowledgement was received"


def _microseconds(value: Any) -> int:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return (value - _EPOCH) // timedelta(microseconds=1)  # type: ignore[no-any-return]
