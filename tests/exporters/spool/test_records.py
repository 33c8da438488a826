"""Damage costs only the records that it hits, and never creates one."""

from __future__ import annotations

import pytest

from slashspan.exporters.spool.records import (
    FILE_HEAD_BYTES,
    HEAD_BYTES,
    NewerFormat,
    Record,
    acked,
    acks,
    file_head,
    frame,
    scan,
)

COUNT = 12
PAYLOADS = [bytes([65 + n]) * (30 + 7 * n) for n in range(COUNT)]


def segment() -> bytes:
    return file_head() + b"".join(frame(n, 2, 1, 1000 + n, payload) for n, payload in enumerate(PAYLOADS))


def sound(data: bytes) -> tuple[list[Record], int]:
    found = list(scan(data))
    records = [item for item in found if isinstance(item, Record)]
    for record in records:
        assert record.payload == PAYLOADS[record.sequence]
        assert record.key == 1000 + record.sequence
    return records, sum(item for item in found if isinstance(item, int))


def test_written_records_are_read_back() -> None:
    records, lost = sound(segment())
    assert [record.sequence for record in records] == list(range(COUNT))
    assert lost == 0


def test_a_file_truncated_at_any_byte_loses_only_the_torn_record() -> None:
    whole = segment()
    ends = [record.offset + HEAD_BYTES + len(record.payload) for record in sound(whole)[0]]
    for cut in range(len(whole)):
        records, lost = sound(whole[:cut])
        assert len(records) == sum(end <= cut for end in ends), cut
        assert lost == (0 if cut in ends or cut <= FILE_HEAD_BYTES else 1), cut


def test_a_flipped_bit_costs_at_most_one_record_and_is_counted() -> None:
    whole = segment()
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            records, lost = sound(bytes(damaged))
            assert len(records) >= COUNT - 1
            assert len(records) + lost == COUNT


@pytest.mark.parametrize("start", range(0, 900, 100))
def test_a_zeroed_page_costs_only_the_records_on_it(start: int) -> None:
    whole = segment()
    damaged = whole[:start] + bytes(min(200, len(whole) - start)) + whole[start + 200 :]
    hit = [
        record
        for record in sound(whole)[0]
        if record.offset < start + 200 and record.offset + HEAD_BYTES + len(record.payload) > start
    ]
    records, lost = sound(damaged)
    assert len(records) == COUNT - len(hit)
    # How many records followed the last intact one is unknown: one is counted.
    assert lost == len(hit) or (lost == 1 and records[-1].sequence < COUNT - 1)


def test_user_text_that_looks_like_a_record_is_not_one() -> None:
    forged = frame(0, 2, 1, 7, b"forged").decode("utf-8", "replace").encode()
    data = bytearray(file_head() + frame(0, 2, 1, 1000, PAYLOADS[0]) + frame(1, 2, 1, 1001, forged))
    data[FILE_HEAD_BYTES + 40] ^= 1
    data[-1] ^= 1  # so that the search goes through the payload
    assert [item for item in scan(bytes(data)) if isinstance(item, Record)] == []


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(NewerFormat, match="format 2"):
        list(scan(file_head(2) + frame(0, 2, 1, 1, b"x")))


def test_a_damaged_acknowledgement_is_ignored() -> None:
    offsets = [14, 300, 70_000]
    data = acks(offsets)
    assert acked(data) == set(offsets)
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        assert acked(bytes(damaged)) < set(offsets)
    assert acked(data[:-3]) == {14, 300}
    assert acked(data + bytes(8)) == set(offsets), "zeros acknowledge nothing"
