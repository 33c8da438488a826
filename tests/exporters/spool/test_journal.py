"""The log: replayed in order, acknowledged once, adopted by one process, and limited in size."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.spool.records import RecordType, file_head
from slashspan.exporters.spool.segment import RecordState, Segment
from tests.support import ROOT
from tests.support.journals import die, journal, keys, put, segment_files


def test_released_records_are_replayed_once_and_oldest_first(tmp_path: Path) -> None:
    log = journal(tmp_path)
    receipts = put(log, *range(10))
    assert keys(log, 4) == [0, 1, 2, 3]
    assert keys(log) == [4, 5, 6, 7, 8, 9]
    assert log.pending == 0
    log.release(receipts[2:5])
    log.acknowledge(receipts[:2])
    assert keys(log) == [2, 3, 4]


def test_acknowledged_records_never_come_back(tmp_path: Path) -> None:
    log = journal(tmp_path)
    receipts = put(log, *range(10))
    log.acknowledge(receipts[:7])
    log.release(receipts)
    assert keys(log) == [7, 8, 9]
    die(log)
    after = journal(tmp_path)
    assert after.adopt() == 3
    assert keys(after) == [7, 8, 9]


def test_a_dead_process_is_adopted_by_exactly_one(tmp_path: Path) -> None:
    first = journal(tmp_path)
    put(first, *range(5))
    living = journal(tmp_path)
    assert living.adopt() == 0, "its process lives"
    die(first)
    heirs = [journal(tmp_path) for _ in range(3)]
    assert [heir.adopt() for heir in heirs] == [5, 0, 0]
    assert heirs[0].adopted == 5


def test_a_process_holds_its_lock_until_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from tests.support.journals import journal, put\n"
        "log = journal(pathlib.Path(sys.argv[1])); put(log, 1, 2, 3); print('ready', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        heir = journal(tmp_path)
        assert heir.adopt() == 0
        process.kill()
        process.wait()
        assert heir.adopt() == 3
    assert keys(heir) == [1, 2, 3]


def test_acknowledged_segments_are_unlinked_and_an_empty_folder_is_removed(tmp_path: Path) -> None:
    log = journal(tmp_path, max_bytes=8 * 4096)
    receipts = put(log, *range(40), size=400)
    assert len(segment_files(tmp_path)) > 2
    log.acknowledge(receipts)
    assert len(segment_files(tmp_path)) == 1, "the one that is written to"
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_unacknowledged_records_are_left_for_the_next_process(tmp_path: Path) -> None:
    log = journal(tmp_path)
    receipts = put(log, *range(6))
    log.acknowledge(receipts[::2])
    log.close()
    assert log.append(RecordType.SPAN, 1, 99, b"99", RecordState.PENDING) is None, "closed"
    after = journal(tmp_path)
    assert after.adopt() == 3
    assert keys(after) == [1, 3, 5]


def test_beyond_the_limit_the_oldest_records_are_dropped_and_counted_exactly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = journal(tmp_path, max_bytes=8 * 4096)
    with caplog.at_level(logging.WARNING, "slashspan"):
        put(log, *range(500), size=400)
    left = keys(log)
    assert left == list(range(500 - len(left), 500))
    assert log.dropped == {DropReason.SPOOL_FULL: 500 - len(left)}
    assert log.bytes <= 9 * 4096
    assert [record.message for record in caplog.records if "SLASHSPAN_SPOOL_MAX_BYTES" in record.message]


def test_the_limit_includes_adopted_records(tmp_path: Path) -> None:
    before = journal(tmp_path, max_bytes=8 * 4096)
    put(before, *range(60), size=400)
    die(before)
    log = journal(tmp_path, max_bytes=8 * 4096)
    assert log.adopt() > 0
    put(log, *range(100, 160), size=400)
    left = keys(log)
    assert left[-60:] == list(range(100, 160))
    assert log.adopted + 60 == len(left) + sum(log.dropped.values())
    assert log.bytes <= 9 * 4096


def test_an_action_in_flight_when_the_process_dies_is_found(tmp_path: Path) -> None:
    log = journal(tmp_path)
    for key in (1, 2, 3):
        log.start(1, key, b"%d" % key)
    log.append(RecordType.SPAN, 1, 2, b"2", RecordState.PENDING)
    assert log.pending == 1
    die(log)
    after = journal(tmp_path)
    assert after.adopt() == 3
    assert [(record.type, record.key) for _, record in after.lease(9)] == [
        (RecordType.START, 1),
        (RecordType.START, 3),
        (RecordType.SPAN, 2),
    ]


def test_a_long_action_does_not_keep_every_segment_since_its_start(tmp_path: Path) -> None:
    log = journal(tmp_path, max_bytes=8 * 4096)
    log.start(1, 7, b"7")
    log.acknowledge(put(log, *range(100, 160), size=400))
    assert len(segment_files(tmp_path)) == 1
    die(log)
    after = journal(tmp_path)
    assert after.adopt() == 1
    assert keys(after) == [7]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_has_its_own_folder_and_the_parent_keeps_its_lock(tmp_path: Path) -> None:
    log = journal(tmp_path)
    put(log, 1, 2)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            put(log, 3)
            log.close()  # must not release the parent's lock
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    other = journal(tmp_path)
    assert other.adopt() == 1, "the child's"
    assert keys(other) == [3]
    put(log, 4)
    assert keys(log) == [1, 2, 4]
    die(log)
    assert other.adopt() == 3


def test_a_newer_format_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = journal(tmp_path)
    put(log, 1)
    die(log)
    [file] = segment_files(tmp_path)
    newer = file_head(2) + file.read_bytes()[14:]
    file.write_bytes(newer)
    after = journal(tmp_path)
    with caplog.at_level(logging.WARNING, "slashspan"):
        assert after.adopt() == 0
        assert after.adopt() == 0
    assert len([record for record in caplog.records if "left alone" in record.message]) == 1
    assert file.read_bytes() == newer


def test_damage_in_the_middle_never_makes_an_interrupted_row(tmp_path: Path) -> None:
    log = journal(tmp_path)
    log.start(1, 7, b"7")
    [receipt] = put(log, 7)
    put(log, 8)
    die(log)
    [file] = segment_files(tmp_path)
    data = bytearray(file.read_bytes())
    data[receipt[0].offsets[receipt[1]] + 20] ^= 1
    file.write_bytes(bytes(data))
    after = journal(tmp_path)
    assert after.adopt() == 1
    assert keys(after) == [8], "7 has ended: to say it was interrupted would be wrong"
    assert after.dropped == {DropReason.DAMAGED: 2}, "the missing end, and the start whose end it may be"
    assert after.adopted == 3


@pytest.mark.parametrize("damage", ["empty", "missing"])
def test_an_empty_or_missing_segment_costs_only_its_own_records(damage: str, tmp_path: Path) -> None:
    log = journal(tmp_path, max_bytes=8 * 4096)
    put(log, *range(30), size=400)
    die(log)
    files = segment_files(tmp_path)
    assert len(files) > 2
    held = len(Segment.load(files[1])[1])
    if damage == "empty":
        files[1].write_bytes(b"")
    else:
        files[1].unlink()
    after = journal(tmp_path)
    assert after.adopt() == 30 - held
    assert len(keys(after)) == 30 - held


def test_setting_the_clock_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = journal(tmp_path)
    put(log, 1)
    monkeypatch.setattr("time.time", lambda: 1.0)
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000)
    assert log.oldest_seconds == 0
    later = journal(tmp_path)
    put(later, 2)
    die(log)
    assert later.adopt() == 1
    assert sorted(keys(later)) == [1, 2]
