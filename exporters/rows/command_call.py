"""One row of `command_calls`, and the table's columns, which are its fields.

This is the only list of columns. The conversion of spans (`from_span.py`), the statements and encodings of the stores,
CREATE TABLE, the check of an existing table and docs/reference.md are derived from it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.exporters.rows.columns import (
    BIGINT,
    DOUBLE,
    INTEGER,
    JSON,
    TEXT,
    TIMESTAMP,
    UNIQUE_TEXT,
    Column,
    ColumnType,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _column(type_: ColumnType, meaning: str, attribute: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": type_, "meaning": meaning, "attribute": attribute, **more}


@dataclass(slots=True, kw_only=True)
class CommandCall:
    """One user action, ready for any store; `(called_at, span_id)` is its identity.

    Must not be changed; a frozen dataclass would take four times as long to create.

    Strings contain neither NUL nor lone surrogates, and integers fit their columns: `from_span` ensures it.
    """

    discord_uid: int = field(
        metadata=_column(
            BIGINT,
            "The user's id; the pseudonym with `SLASHSPAN_USER_IDS=hash`, 0 if dropped",
            semconv.USER_ID,
            required=True,
            if_absent=0,
        )
    )
    player_name: str = field(
        metadata=_column(
            TEXT, "The user's name at that time; empty if dropped", semconv.USER_NAME, required=True, if_absent=""
        )
    )
    command: str = field(
        metadata=_column(
            TEXT,
            "Qualified name (`admin ban`); component: view class and item (`Poll.vote`), or the item's own class; "
            "modal: its class; unknown: empty",
            semconv.COMMAND_NAME,
            required=True,
            if_absent="",
        )
    )
    called_at: int = field(
        metadata=_column(TIMESTAMP, "When the gateway delivered it, in microseconds; never changes", required=True)
    )
    kind: str = field(
        metadata=_column(TEXT, f"One of: {', '.join(semconv.Kind.ALL)}", semconv.KIND, if_absent=""),
    )
    outcome: str = field(
        metadata=_column(TEXT, f"One of: {', '.join(semconv.Outcome.ALL)}", semconv.OUTCOME, if_absent="")
    )
    error_type: str | None = field(
        default=None, metadata=_column(TEXT, "The real exception's qualified name, unwrapped", semconv.ERROR_TYPE)
    )
    duration_ms: float | None = field(default=None, metadata=_column(DOUBLE, "From receipt to end"))
    ack_ms: float | None = field(
        default=None,
        metadata=_column(DOUBLE, "From receipt to first acknowledgement; null: never acknowledged", semconv.ACK_MS),
    )
    gateway_delay_ms: float | None = field(
        default=None,
        metadata=_column(
            DOUBLE,
            "From Discord's timestamp to receive; of two clocks, so it can be negative",
            semconv.GATEWAY_DELAY_MS,
        ),
    )
    loop_delay_ms: float | None = field(
        default=None,
        metadata=_column(
            DOUBLE, "How long it waited to be read because the bot's event loop was busy", semconv.LOOP_DELAY_MS
        ),
    )
    rate_limited_ms: float | None = field(
        default=None,
        metadata=_column(DOUBLE, "Time lost waiting for Discord's rate limits", semconv.RATE_LIMITED_MS, if_absent=0.0),
    )
    interaction_id: int | None = field(
        default=None,
        metadata=_column(
            BIGINT, "The interaction's id, or the id of a prefix command's message", semconv.INTERACTION_ID
        ),
    )
    application_id: int | None = field(
        default=None, metadata=_column(BIGINT, "The bot's application", semconv.APPLICATION_ID)
    )
    guild_id: int | None = field(default=None, metadata=_column(BIGINT, "Null in a DM", semconv.GUILD_ID))
    channel_id: int | None = field(default=None, metadata=_column(BIGINT, "Channel or thread", semconv.CHANNEL_ID))
    shard_id: int | None = field(
        default=None, metadata=_column(INTEGER, "Null in a client without shards", semconv.SHARD_ID)
    )
    locale: str | None = field(
        default=None, metadata=_column(TEXT, "The user's locale; null for a prefix command", semconv.LOCALE)
    )
    guild_locale: str | None = field(
        default=None, metadata=_column(TEXT, "The guild's preferred locale; null in a DM", semconv.GUILD_LOCALE)
    )
    service_name: str | None = field(default=None, metadata=_column(TEXT, "From the resource"))
    service_version: str | None = field(default=None, metadata=_column(TEXT, "From the resource"))
    environment: str | None = field(
        default=None, metadata=_column(TEXT, "`deployment.environment.name` of the resource")
    )
    trace_id: str = field(metadata=_column(UNIQUE_TEXT, "32 hex digits"))
    span_id: int = field(metadata=_column(BIGINT, "Signed 64-bit integer; unique together with called_at"))
    checkpoints: str | None = field(default=None, metadata=_column(JSON, 'A list: `[{"name", "at_ms", "step_ms", …}]`'))
    attributes: str | None = field(default=None, metadata=_column(JSON, "Attributes that the bot set on the span"))


ROW_COLUMNS: Final = tuple(Column(name=each.name, **each.metadata) for each in dataclasses.fields(CommandCall))
"""The columns of a row, in the order in which stores bind them."""
values_of: Final[Callable[[CommandCall], tuple[Any, ...]]] = eval(  # noqa: S307 - made of the names of columns
    f"lambda row: ({', '.join(f'row.{column.name}' for column in ROW_COLUMNS)})"
)
"""The values of a row, in that order; `operator.attrgetter` takes three times as long."""
ID: Final = Column(
    name="id",
    type=BIGINT,
    meaning="Generated by the store",
    generated={"postgresql": "GENERATED BY DEFAULT AS IDENTITY", "sqlite": "PRIMARY KEY AUTOINCREMENT"},
)
INSERTED_AT: Final = Column(
    name="inserted_at",
    type=TIMESTAMP,
    meaning="Time of the insert, by the store's clock",
    default={"postgresql": "now()", "sqlite": "(strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))"},
)
COLUMNS: Final = (ID, *ROW_COLUMNS, INSERTED_AT)
LEGACY_COLUMNS: Final = ("id", "discord_uid", "player_name", "command", "called_at")
"""Columns of an old bot's table, which is upgraded in place."""
