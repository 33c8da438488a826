"""The format of a record, and how to find the intact ones in a damaged file.

```
segment = head | record*          slots = head, padded to SLOT_BYTES | (record, padded to a multiple of SLOT_BYTES)*
head    = "SLASHSPN" | version u16 | crc32 of both u32
record  = MAGIC | crc32 of the rest u32 | length u32 | sequence u32 | type u8 | payload format u8 | key u64 | payload
```
Little-endian. MAGIC begins with 0xff, which never occurs in UTF-8, so that text written by users cannot mislead the
search for the next record after damage. The sequence number counts the records of a segment: a gap tells how many
were lost.
"""

from __future__ import annotations

import struct
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION: Final = 1
"""Version of the format. Files of a newer version are left alone."""
MAX_PAYLOAD: Final = 16 * 2**20
"""In bytes; a greater length means damage."""
SLOT_BYTES: Final = 512
"""Enough for a typical started action; a larger one takes several consecutive slots."""

_FILE_MAGIC: Final = b"SLASHSPN"
_FILE_HEAD: Final = struct.Struct("<8sH")
FILE_HEAD_BYTES: Final = _FILE_HEAD.size + 4
_MAGIC: Final = b"\xffSP\xfe"
_HEAD: Final = struct.Struct("<IIBBQ")
HEAD_BYTES: Final = len(_MAGIC) + 4 + _HEAD.size
_PREFIX: Final = struct.Struct("<4sI")
_ACK: Final = struct.Struct("<II")


class RecordType:
    """What a record contains."""

    START: Final = 1
    """A running user action; only in slots. The SPAN with the same key is its end."""
    SPAN: Final = 2
    """A finished user action."""
    ROW: Final = 3
    """A row that came through a batch processor other than ours."""
    BATCH: Final = 4
    """A batch of spans that an exporter of traces could not send."""


class Record(NamedTuple):
    """An intact record; `payload` is a copy."""

    offset: int
    sequence: int
    type: int
    format: int
    key: int
    payload: bytes


class NewerFormat(Exception):  # noqa: N818 - reads as what it is
    """The segment was written by a newer slashspan."""


def file_head(version: int = VERSION) -> bytes:
    head = _FILE_HEAD.pack(_FILE_MAGIC, version)
    return head + crc32(head).to_bytes(4, "little")


def frame(sequence: int, type_: int, payload_format: int, key: int, payload: bytes) -> bytes:
    """One record, ready to be appended."""
    body = _HEAD.pack(len(payload), sequence, type_, payload_format, key) + payload
    return _PREFIX.pack(_MAGIC, crc32(body)) + body


def scan(data: bytes) -> Iterator[Record | int]:
    """Every intact record of a segment in order, and, between them, the number of missing ones.

    Anything after the last intact record counts as one missing record. Raises NewerFormat.
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


def scan_slots(data: bytes) -> Iterator[Record | int]:
    """Every intact record in the slots, and a 1 for each that is damaged. Raises NewerFormat."""
    _start(data)
    position, damaged = SLOT_BYTES, False
    while position < len(data):
        record = at(data, position)
        if record is not None:
            yield record
            position += SLOT_BYTES * slots_for(HEAD_BYTES + len(record.payload))
            damaged = False
            continue
        head = data[position : position + HEAD_BYTES]
        # The next slots may contain the rest of a damaged record.
        if any(head) and (head.startswith(_MAGIC) or not damaged):
            yield 1
        damaged = any(head)
        position += SLOT_BYTES


def slots_for(size: int) -> int:
    """How many slots a record of `size` bytes takes."""
    return -(-size // SLOT_BYTES)


def at(data: bytes, offset: int) -> Record | None:
    """The record at `offset`; None if there is no intact one."""
    start = offset + HEAD_BYTES
    if data[offset : offset + 4] != _MAGIC or start > len(data):
        return None
    head = data[offset + 8 : start]
    length, sequence, type_, payload_format, key = _HEAD.unpack(head)
    payload = data[start : start + length]
    if length > MAX_PAYLOAD or len(payload) != length:
        return None
    if crc32(payload, crc32(head)) != int.from_bytes(data[offset + 4 : offset + 8], "little"):
        return None
    return Record(offset, sequence, type_, payload_format, key, payload)


def _resync(data: bytes, position: int) -> Record | None:
    while (position := data.find(_MAGIC, position)) >= 0:
        record = at(data, position)
        if record is not None:
            return record
        position += 1
    return None


def _start(data: bytes) -> int:
    head = data[: _FILE_HEAD.size]
    intact = len(data) >= FILE_HEAD_BYTES and crc32(head) == int.from_bytes(
        data[_FILE_HEAD.size : FILE_HEAD_BYTES], "little"
    )
    if intact and (version := _FILE_HEAD.unpack(head)[1]) > VERSION:
        raise NewerFormat(f"format {version}; this slashspan reads up to {VERSION}")
    # A damaged head does no harm: each record has its own checksum.
    return FILE_HEAD_BYTES


def acks(offsets: list[int]) -> bytes:
    """Entries of an `.ack` file, each with its own checksum, so that damage never acknowledges a record."""
    packed = struct.pack(f"<{len(offsets)}I", *offsets)
    checks = [crc32(packed[at : at + 4]) for at in range(0, len(packed), 4)]
    return struct.pack(f"<{2 * len(offsets)}I", *chain.from_iterable(zip(offsets, checks, strict=True)))


def acked(data: bytes) -> set[int]:
    """The offsets in an `.ack` file. Damaged entries are left out, which costs a harmless replay."""
    whole = len(data) - len(data) % _ACK.size
    return {offset for offset, check in _ACK.iter_unpack(data[:whole]) if check == crc32(offset.to_bytes(4, "little"))}
