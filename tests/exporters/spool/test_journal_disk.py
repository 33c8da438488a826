"""The log on a disk that is full, fails, or loses its folder: the bot goes on, and no record is torn."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.spool import journal as journal_module
from slashspan.exporters.spool.records import RecordType
from slashspan.exporters.spool.segment import RecordState
from slashspan.semconv import Sync
from tests.support import ROOT
from tests.support.journals import PLENTY, die, journal, keys, put, segment_files


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_disk_errors_are_not_raised_to_the_caller(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = journal(tmp_path)
    put(log, 1)
    real, broken = os.write, True

    def write(fd: int, data: bytes) -> int:
        if broken:
            raise OSError(number, os.strerror(number))
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    with caplog.at_level(logging.WARNING, "slashspan"):
        assert [log.append(RecordType.SPAN, 1, key, b"x", RecordState.PENDING) for key in (2, 3)] == [None, None]
    assert len([record for record in caplog.records if "cannot be written" in record.message]) == 1
    assert log.refused == 2
    broken = False
    monkeypatch.setattr("time.monotonic", lambda: 1e12)  # the pause before the next attempt is over
    put(log, 4)
    assert keys(log) == [1, 4]
    monkeypatch.undo()
    die(log)
    after = journal(tmp_path)
    assert after.adopt() == 2


def test_a_short_write_leaves_no_torn_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = journal(tmp_path)
    put(log, 1)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:10]))
    assert log.append(RecordType.SPAN, 1, 2, b"x" * 50, RecordState.PENDING) is None
    monkeypatch.undo()
    die(log)
    after = journal(tmp_path)
    assert after.adopt() == 1
    assert after.dropped == {}
    assert keys(after) == [1]


def test_rows_can_be_drained_from_a_full_disk(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="a limit on the size of files stands in for a full disk")
    script = (
        "import sys, pathlib, resource, signal\n"
        "from tests.support.journals import *\n"
        "from exporters.spool.records import RecordType; from exporters.spool.segment import RecordState\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "log = journal(pathlib.Path(sys.argv[1])); resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "got = [log.append(RecordType.SPAN, 1, k, payload(k, 400), RecordState.PENDING) for k in range(20)]\n"
        "kept = [k for k, receipt in enumerate(got) if receipt]\n"
        "assert 5 < len(kept) < 20, kept\n"
        "assert keys(log) == kept; log.acknowledge(r for r in got if r); log.close()\n"
        "assert not list(pathlib.Path(sys.argv[1]).iterdir()), 'drained to the last byte'\n"
    )
    assert resource
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=True)


def test_a_folder_that_cannot_be_created_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    log = journal(tmp_path / "file" / "spool")
    with caplog.at_level(logging.WARNING, "slashspan"):
        assert [log.append(RecordType.SPAN, 1, key, b"x", RecordState.PENDING) for key in range(50)] == [None] * 50
    assert len(caplog.records) == 1
    assert log.adopt() == 0
    log.close()


@pytest.mark.parametrize("sync", [Sync.POWER, Sync.RECORD])
def test_records_are_synced_to_disk_as_configured(sync: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    name = "fdatasync" if hasattr(os, "fdatasync") else "fsync"
    monkeypatch.setattr(os, name, synced.append)
    log = journal_module.Journal(tmp_path, max_bytes=PLENTY, sync=sync)
    put(log, 1, 2, 3)
    if sync == Sync.RECORD:
        assert len(synced) == 3
    log.close()
    assert synced


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EROFS])
def test_errors_on_sync_or_unlink_stop_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    log = journal_module.Journal(tmp_path, max_bytes=8 * 4096, sync=Sync.POWER)
    receipts = put(log, *range(40), size=400)
    name = "fdatasync" if hasattr(os, "fdatasync") else "fsync"
    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING, "slashspan"):
        broken.setattr(os, name, refuse)
        broken.setattr(Path, "unlink", refuse)
        log.sync()
        log.acknowledge(receipts)
        put(log, 99)
    assert len([record for record in caplog.records if os.strerror(number) in record.message]) == 1
    assert keys(log) == [99]
    log.acknowledge(receipts)
    assert len(segment_files(tmp_path)) == 1, "what could not be unlinked is, as soon as the disk allows it"
    log.close()


def test_a_removed_folder_is_created_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = journal(tmp_path / "spool", max_bytes=8 * 4096)
    put(log, *range(3), size=400)
    shutil.rmtree(tmp_path / "spool")
    while log.append(RecordType.SPAN, 1, 99, b"x" * 400, RecordState.LEASED) is not None:
        pass  # into the file that is still open, until it is full
    assert log.dropped == {DropReason.DAMAGED: 3}
    monkeypatch.setattr("time.monotonic", lambda: 1e12)
    put(log, 7)
    assert keys(log) == [7]
    monkeypatch.undo()
    die(log)
    assert journal(tmp_path / "spool").adopt() == 1


def test_other_users_cannot_read_the_files(tmp_path: Path) -> None:
    log = journal(tmp_path / "spool")
    put(log, 1)
    [file] = segment_files(tmp_path / "spool")
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0
        assert file.parent.stat().st_mode & 0o077 == 0
