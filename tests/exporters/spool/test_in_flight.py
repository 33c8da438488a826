"""The actions that were running when a process died are found, and no others, whatever happens to the disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from slashspan.exporters.spool import records
from slashspan.exporters.spool.in_flight import FILE, InFlight
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.records import RecordType
from slashspan.exporters.spool.segment import RecordState
from tests.support.journals import PLENTY, die, journal, keys, put, segment_files


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def interrupted(folder: Path) -> list[int]:
    """The interrupted actions that the next process finds."""
    after = journal(folder)
    after.adopt()
    found = [record.key for _, record in after.lease(10**6) if record.type == RecordType.START]
    die(after)
    return sorted(found)


def started(log: Journal, *actions: int) -> None:
    for key in actions:
        assert log.start(1, key, b"%d" % key)


def slots(folder: Path) -> Path:
    [file] = folder.glob(f"w-*/{FILE}")
    return file


def test_a_free_slot_is_reused_by_the_next_action(tmp_path: Path) -> None:
    log = journal(tmp_path)
    for key in range(500):
        started(log, key)
        put(log, key)
    assert slots(tmp_path).stat().st_size <= 2 * records.SLOT_BYTES
    die(log)
    assert interrupted(tmp_path) == []


def test_a_record_larger_than_a_slot_is_found(tmp_path: Path) -> None:
    log = journal(tmp_path)
    sizes = {1: 10, 2: 3000, 3: 10, 4: 700, 5: 5000}
    for key, size in sizes.items():
        assert log.start(1, key, b"%d" % key + b"." * size)
    put(log, 2, 4)
    started(log, 6)
    assert log.start(1, 7, b"7" + b"." * 600)
    die(log)
    after = journal(tmp_path)
    assert after.adopt() == 7
    found = {record.key: len(record.payload) for _, record in after.lease(99) if record.type == RecordType.START}
    assert found == {1: 11, 3: 11, 5: 5001, 6: 1, 7: 601}


def test_an_ended_action_never_comes_back_when_its_end_was_unlinked(tmp_path: Path) -> None:
    log = journal(tmp_path, max_bytes=8 * 4096)
    started(log, *range(50))
    log.acknowledge(put(log, *range(50)))
    started(log, 1000)
    log.acknowledge(put(log, *range(100, 160), size=400))
    assert len(segment_files(tmp_path)) == 1, "the ends of the first fifty are gone"
    die(log)
    assert interrupted(tmp_path) == [1000]


@pytest.mark.parametrize("broken", ["unlink", "pwrite"])
def test_an_ended_action_never_comes_back_after_a_disk_error(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broken == "pwrite" and not hasattr(os, "pwrite"):
        pytest.skip("slots are written by another function here")
    log = journal(tmp_path, max_bytes=8 * 4096)
    started(log, 1, 2, 3)
    receipts = put(log, 1, 2)
    with monkeypatch.context() as disk:
        disk.setattr(*((Path, "unlink", refuse) if broken == "unlink" else (os, "pwrite", refuse)))
        log.acknowledge(receipts)
        log.acknowledge(put(log, *range(100, 160), size=400))
        if broken == "pwrite":
            assert len(segment_files(tmp_path)) > 1, "unlinked, the log would not know that they have ended"
    die(log)
    assert interrupted(tmp_path) == [3]


def test_an_action_whose_end_could_not_be_written_has_still_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = journal(tmp_path)
    started(log, 1, 2)
    with monkeypatch.context() as disk:
        disk.setattr(os, "write", refuse)
        assert log.append(RecordType.SPAN, 1, 1, b"1", RecordState.LEASED) is None
    die(log)
    assert interrupted(tmp_path) == [2]


def test_only_running_actions_leave_a_file_at_the_shutdown(tmp_path: Path) -> None:
    log = journal(tmp_path)
    started(log, 1, 2)
    log.acknowledge(put(log, 1))
    log.close()
    assert interrupted(tmp_path) == [2]
    after = journal(tmp_path)
    assert after.adopt() == 1
    after.acknowledge([receipt for receipt, _ in after.lease(9)])
    after.close()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_action_that_was_acknowledged_does_not_come_back(tmp_path: Path) -> None:
    log = journal(tmp_path)
    started(log, 1, 2)
    die(log)
    heir = journal(tmp_path)
    assert heir.adopt() == 2
    [(receipt, record), _] = heir.lease(9)
    heir.acknowledge([receipt])
    die(heir)
    assert interrupted(tmp_path) == [{1, 2}.difference({record.key}).pop()]


def test_a_full_disk_at_a_start_is_not_raised_to_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "pwrite"):
        pytest.skip("slots are written by another function here")
    log = journal(tmp_path)
    started(log, 1)
    real = os.pwrite
    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", lambda fd, data, offset: real(fd, data[:10], offset))
        assert not log.start(1, 2, b"2")
    assert log.refused == 1
    monkeypatch.setattr("time.monotonic", lambda: 1e12)  # the pause before the next attempt is over
    started(log, 3)
    monkeypatch.undo()
    die(log)
    assert interrupted(tmp_path) == [1, 3]


def test_no_flipped_bit_makes_an_action_that_never_happened(tmp_path: Path) -> None:
    folder = tmp_path / "w-1"
    folder.mkdir()
    made = InFlight(folder)
    for key in (1, 2, 3):
        made.start(key, records.frame(0, RecordType.START, 1, key, b"%d" % key))
    made.close()
    whole = (folder / FILE).read_bytes()
    used = records.HEAD_BYTES + 1
    for position in (slot * records.SLOT_BYTES + byte for slot in (1, 2, 3) for byte in range(used)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            found = list(records.scan_slots(bytes(damaged)))
            intact = {record.key for record in found if isinstance(record, records.Record)}
            assert intact <= {1, 2, 3}
            # A bit outside of records does no harm; one in a record costs that record, and is counted.
            assert found.count(1) == 3 - len(intact) <= 1


def test_files_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    log = journal(tmp_path)
    started(log, 7)
    put(log, 1)
    die(log)
    [writer] = tmp_path.glob("w-*")
    (writer / "notes.seg").write_text("by hand")
    (writer / "00000009.seg").mkdir()
    (writer / "Thumbs.db").write_bytes(b"\0")
    (tmp_path / "w-readme").write_text("by hand")
    (tmp_path / "w-empty").mkdir()
    after = journal(tmp_path)
    assert after.adopt() == 2
    assert sorted(keys(after)) == [1, 7]
    assert (writer / "notes.seg").read_text() == "by hand"


def test_the_bound_holds_on_disk_while_the_store_is_unavailable(tmp_path: Path) -> None:
    log = Journal(tmp_path, max_bytes=8 * 4096)
    for first in range(0, 2000, 50):
        put(log, *range(first, first + 50), size=400)
        log.release([receipt for receipt, _ in log.lease(50)])
    on_disk = sum(file.stat().st_size for file in segment_files(tmp_path))
    assert on_disk <= 10 * 4096
    assert on_disk < PLENTY


def test_without_pwrite_slots_are_still_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pwrite", raising=False)  # as on Windows
    log = journal(tmp_path)
    started(log, 1, 2, 3)
    log.acknowledge(put(log, 2))
    started(log, 4)
    die(log)
    assert interrupted(tmp_path) == [1, 3, 4]
