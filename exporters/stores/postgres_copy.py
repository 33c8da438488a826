"""Rows in PostgreSQL's binary COPY format: what a backlog is written with, at twice the speed of an INSERT.

The format is a header, for each row the number of its columns and each column with its length (-1: null), and a
trailer; all big-endian (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"). A timestamp is
microseconds since 2000, jsonb is a version byte before its text.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from exporters.common.gil import yield_gil
from exporters.stores import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporters.rows.command_call import CommandCall

CHUNK_ROWS: Final = 64
"""Encoded at once: the server works on one chunk while the next is made."""
MAX_TEXTS: Final = 4096
"""Values remembered during one COPY."""
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"

_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 UTC."""
_NULL: Final = b"\xff\xff\xff\xff"
_COLUMNS: Final = struct.pack(">h", len(schema.ROW_COLUMNS))
_length = struct.Struct(">i").pack
_int8 = struct.Struct(">iq").pack
_int4 = struct.Struct(">ii").pack
_float8 = struct.Struct(">id").pack


def chunks(rows: Sequence[CommandCall]) -> Iterator[bytes]:
    """The whole COPY of `rows`, in pieces. Raises ValueError or struct.error for a value that no column takes."""
    text = _Texts()
    yield HEADER
    for start in range(0, len(rows), CHUNK_ROWS):
        yield b"".join([_encoded(row, text) for row in rows[start : start + CHUNK_ROWS]])
        yield_gil()
    yield TRAILER


class _Texts(dict["str | None", bytes]):
    """Text columns, encoded once for each value: commands, outcomes, locales repeat in almost every row."""

    def __missing__(self, value: str | None) -> bytes:
        if value is None:
            encoded = _NULL
        else:
            data = value.encode()
            encoded = _length(len(data)) + data
        if len(self) < MAX_TEXTS:
            self[value] = encoded
        return encoded


def _encoded(row: CommandCall, text: _Texts) -> bytes:
    """In the order of `schema.ROW_COLUMNS`."""
    trace_id = row.trace_id.encode()
    return b"".join(
        (
            _COLUMNS,
            _int8(8, row.discord_uid),
            text[row.player_name],
            text[row.command],
            _int8(8, row.called_at_us - _EPOCH_US),
            text[row.kind],
            text[row.outcome],
            text[row.error_type],
            _NULL if row.duration_ms is None else _float8(8, row.duration_ms),
            _NULL if row.ack_ms is None else _float8(8, row.ack_ms),
            _NULL if row.gateway_delay_ms is None else _float8(8, row.gateway_delay_ms),
            _NULL if row.rate_limited_ms is None else _float8(8, row.rate_limited_ms),
            _NULL if row.interaction_id is None else _int8(8, row.interaction_id),
            _NULL if row.guild_id is None else _int8(8, row.guild_id),
            _NULL if row.channel_id is None else _int8(8, row.channel_id),
            _NULL if row.shard_id is None else _int4(4, row.shard_id),
            text[row.locale],
            text[row.guild_locale],
            text[row.service_name],
            text[row.service_version],
            text[row.environment],
            _length(len(trace_id)),
            trace_id,
            _int8(8, row.span_id),
            _NULL if row.checkpoints is None else _jsonb(row.checkpoints),
            _NULL if row.attributes is None else _jsonb(row.attributes),
        )
    )


def _jsonb(value: str) -> bytes:
    data = value.encode()
    return _length(len(data) + 1) + b"\x01" + data
