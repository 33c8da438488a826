"""The spool belongs to the bot's user: nobody else can read it or write to it."""

from __future__ import annotations

import json
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from slashspan.errors import ConfigurationError
from slashspan.exporters.spool import dead_letters
from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.destinations import Destination
from slashspan.exporters.spool.private import unsafe
from slashspan.exporters.spool.row_spool import RowSpool
from tests.support.journals import journal
from tests.support.rows import rows

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps such rights elsewhere")
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
OTHER_USER = 65534


def folder(spool: Path) -> Path:
    return Destination("bot", "sqlite:////calls.db", "command_calls").folder(spool)


@posix
def test_files_are_0600_and_folders_0700_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        spool = tmp_path / "state" / "spool"
        bot = RowSpool(journal(folder(spool)))
        assert bot.append(rows(1)[0]) is not None
        bot.journal.record_error("no answer")
        letters = DeadLetters(folder(spool))
        for row in rows(3):
            letters.add(row, "poison")
        letters.rewrite(lambda letter: letter["row"]["span_id"] != 1)
        bot.journal.close()
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (spool, *spool.rglob("*"))}
    assert any(path.name == dead_letters.FILE for path in modes)
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}, modes
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}, modes


@posix
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_spool_that_others_may_write_to_is_refused_with_the_command_that_fixes_it(tmp_path: Path, mode: int) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    spool.chmod(mode)
    with pytest.raises(ConfigurationError, match="others may write") as caught:
        folder(spool)
    fix = str(caught.value).rpartition(": ")[2]
    assert fix == f"chmod go-w {spool}"
    assert os.system(fix) == 0
    assert folder(spool).is_dir()


@posix
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o750])
def test_a_spool_that_others_may_only_read_is_used(tmp_path: Path, mode: int) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool").chmod(mode)
    assert stat.S_IMODE(folder(tmp_path / "spool").stat().st_mode) == 0o700


@posix
@root
def test_a_spool_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    os.chown(tmp_path / "spool", OTHER_USER, OTHER_USER)
    with pytest.raises(ConfigurationError, match=f"belongs to user {OTHER_USER}"):
        folder(tmp_path / "spool")


@posix
@root
@pytest.mark.parametrize("place", ["spool", "spool/below"])
def test_a_symbolic_link_of_another_user_is_refused_and_ones_own_is_followed(tmp_path: Path, place: str) -> None:
    (tmp_path / "target" / "below").mkdir(parents=True)
    (tmp_path / "spool").symlink_to(tmp_path / "target")
    assert unsafe(tmp_path / place) is None
    os.lchown(tmp_path / "spool", OTHER_USER, OTHER_USER)
    with pytest.raises(ConfigurationError, match="symbolic link of user"):
        folder(tmp_path / place)


@posix
def test_a_file_in_place_of_the_spool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    with pytest.raises(ConfigurationError, match="not a folder"):
        folder(tmp_path / "spool")


def test_dead_letters_dropped_beyond_the_limit_are_counted_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dead_letters, "MAX_BYTES", 4000)
    letters = DeadLetters(tmp_path)
    kept = sum(letters.add(row, "poison") for row in rows(20))
    assert 0 < kept < 20
    assert len(list(letters.read())) == kept
    assert letters.lost == DeadLetters(tmp_path).lost == 20 - kept
    assert [record.getMessage() for record in caplog.records if "were not kept" in record.getMessage()]
    letters.rewrite(lambda _: False)
    assert letters.add(rows(1)[0], "poison")
    assert letters.lost == 20 - kept


def test_a_dead_letter_added_while_others_are_removed_stays(tmp_path: Path) -> None:
    letters, bot = DeadLetters(tmp_path), DeadLetters(tmp_path)
    for row in rows(4):
        letters.add(row, "poison")

    def meanwhile() -> None:
        assert bot.add(rows(5)[4], "poison")

    assert letters.rewrite(lambda letter: letter["row"]["span_id"] > 1, before_removing=meanwhile) == 2
    assert sorted(letter["row"]["span_id"] for letter in letters.read()) == [2, 3, 4]


def test_an_interrupted_rewrite_loses_no_dead_letter(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    for row in rows(3):
        letters.add(row, "poison")

    def cut_off() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        letters.rewrite(lambda _: False, before_removing=cut_off)
    assert letters.add(rows(4)[3], "poison")
    assert sorted(letter["row"]["span_id"] for letter in letters.read()) == [0, 1, 2, 3]
    assert letters.rewrite(lambda letter: letter["row"]["span_id"] == 2) == 3
    assert [letter["row"]["span_id"] for letter in letters.read()] == [2]


def test_a_damaged_line_is_skipped_and_kept(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.add(rows(1)[0], "poison")
    with letters.path.open("ab") as file:
        file.write(b'{"at": "2026", "row": {\xff\n')
    letters.add(rows(2)[1], "poison")
    assert letters.rewrite(lambda letter: letter["row"]["span_id"] == 1) == 1
    assert [letter["row"]["span_id"] for letter in letters.read()] == [1]
    assert b"\xff" in letters.path.read_bytes()
    assert json.loads(letters.path.read_bytes().splitlines()[-1])["row"]["span_id"] == 1
