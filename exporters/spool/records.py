"""How a record stands in a segment, and how to find the sound ones in a segment that was damaged.

```
segment = "SLASHSPN" | version u16 | crc32 of both u32 | record*
record  = MAGIC | crc32 of the rest u32 | length u32 | sequence u32 | kind u8 | payload format u8 | key u64 | payload
```
Little-endian. MAGIC begins with 0xff, which no UTF-8 text holds, so that a search for the next record after damage is
not led astray by what users wrote. The sequence number counts the records of a segment: a gap tells how many were lost.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION: Final = 1
"""Of the framing. A segment of a newer one is left alone."""
MAX_PAYLOAD: Final = 16 * 2**20
"""Bytes; a length above it is damage."""

_FILE_MAGIC: Final = b"SLASHSPN"
_FILE_HEAD: Final = struct.Struct("<8sH")
FILE_HEAD_BYTES: Final = _FILE_HEAD.size + 4
_MAGIC: Final = b"\xffSP\xfe"
_HEAD: Final = struct.Struct("<IIBBQ")
HEAD_BYTES: Final = len(_MAGIC) + 4 + _HEAD.size
_ACK: Final = struct.Struct("<II")


class RecordType:
    """What a record holds."""

    START: Final = 1
    """A user action that began; settled by the SPAN of the same key."""
    SPAN: Final = 2
    """A user action that ended."""
    ROW: Final = 3
    """A row, from a batch processor other than ours."""
    BATCH: Final = 4
    """Spans that an exporter of traces could not send, as one batch."""


class Record(NamedTuple):
    """A sound record; `payload` is a copy."""

    offset: int
    sequence: int
    kind: int
    format: int
    key: int
    payload: bytes


class NewerFormat(Exception):  # noqa: N818 - reads as what it is
    """The segment was written by a newer slashspan."""


def file_head(version: int = VERSION) -> bytes:
    head = _FILE_HEAD.pack(_FILE_MAGIC, version)
    return head + crc32(head).to_bytes(4, "little")


def frame(sequence: int, kind: int, payload_format: int, key: int, payload: bytes) -> bytes:
    """One record, ready to be appended."""
    head = _HEAD.pack(len(payload), sequence, kind, payload_format, key)
    return b"".join((_MAGIC, crc32(payload, crc32(head)).to_bytes(4, "little"), head, payload))


def scan(data: bytes) -> Iterator[Record | int]:
    """Every sound record of a segment's bytes in order, and between them how many are missing there.

    What follows the last sound record counts as one missing record. Raises NewerFormat.
    """
    position, expected = _start(data), 0
    while position < len(data):
        record = at(data, position)
        if record is None:
            following = _resync(data, position + 1)
            if following is None:
                yield 1
                return
            record = following
        if record.sequence > expected:
            yield record.sequence - expected
        expected = record.sequence + 1
        position = record.offset + HEAD_BYTES + len(record.payload)
        yield record


def at(data: bytes, offset: int) -> Record | None:
    """The record at `offset`, None where there is no sound one."""
    start = offset + HEAD_BYTES
    if data[offset : offset + 4] != _MAGIC or start > len(data):
        return None
    head = data[offset + 8 : start]
    length, sequence, kind, payload_format, key = _HEAD.unpack(head)
    payload = data[start : start + length]
    if length > MAX_PAYLOAD or len(payload) != length:
        return None
    if crc32(payload, crc32(head)) != int.from_bytes(data[offset + 4 : offset + 8], "little"):
        return None
    return Record(offset, sequence, kind, payload_format, key, payload)


def _resync(data: bytes, position: int) -> Record | None:
    while (position := data.find(_MAGIC, position)) >= 0:
        record = at(data, position)
        if record is not None:
            return record
        position += 1
    return None


def _start(data: bytes) -> int:
    head = data[: _FILE_HEAD.size]
    sound = len(data) >= FILE_HEAD_BYTES and crc32(head) == int.from_bytes(
        data[_FILE_HEAD.size : FILE_HEAD_BYTES], "little"
    )
    if sound and (version := _FILE_HEAD.unpack(head)[1]) > VERSION:
        raise NewerFormat(f"format {version}; this slashspan reads up to {VERSION}")
    # A damaged head costs nothing: the records vouch for themselves.
    return FILE_HEAD_BYTES


def acks(offsets: list[int]) -> bytes:
    """Entries of an `.ack` file: each vouches for itself, so that damage never makes one of its own."""
    return b"".join(_ACK.pack(offset, crc32(offset.to_bytes(4, "little"))) for offset in offsets)


def acked(data: bytes) -> set[int]:
    """The offsets in an `.ack` file; damaged entries are left out, which costs a harmless replay."""
    whole = len(data) - len(data) % _ACK.size
    return {offset for offset, check in _ACK.iter_unpack(data[:whole]) if check == crc32(offset.to_bytes(4, "little"))}
