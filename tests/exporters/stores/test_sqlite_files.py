"""SQLite's files: private when they are new, and noticed when somebody deletes or replaces them while they are open."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest

from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.stores import sqlite as sqlite_module
from slashspan.exporters.stores.errors import StoreUnavailable
from slashspan.exporters.stores.factory import open_store
from slashspan.exporters.stores.schema import sqlite_upgrade
from slashspan.exporters.stores.sqlite_files import OpenFiles
from tests.support.rows import rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slashspan.exporters.stores.base import Store

SECONDS = 20.0
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps open files and has no such modes")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "made" / "for" / "calls.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{file}")
    opened.write(rows(10), timeout=SECONDS)
    yield opened
    opened.close(timeout=SECONDS)


def span_ids(file: Path) -> list[int]:
    return [row["span_id"] for row in execute(f"sqlite:///{file}", "SELECT span_id FROM command_calls ORDER BY 1")]


def beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def delete_all(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        beside(file, suffix).unlink()


def replace(file: Path) -> None:
    """Put an older copy in its place, as a restored backup does."""
    other = file.with_name("backup.db")
    run_migration(f"sqlite:///{other}", "command_calls")
    other.replace(file)


def delete_wal(file: Path) -> None:
    beside(file, "-wal").unlink()


def move_folder(file: Path) -> None:
    file.parent.rename(file.parent.with_name("away"))


@pytest.mark.parametrize("change", [lambda file: file.unlink(), delete_all, replace, move_folder])
def test_rows_written_after_the_file_was_deleted_or_replaced_are_in_the_new_file(
    store: Store, file: Path, change: Any
) -> None:
    change(file)
    store.write(rows(20)[10:], timeout=SECONDS)
    assert set(span_ids(file)) >= set(range(10, 20))


def test_rows_written_after_the_wal_file_was_deleted_are_stored(store: Store, file: Path) -> None:
    delete_wal(file)
    store.write(rows(20)[10:], timeout=SECONDS)
    store.close(timeout=SECONDS)
    assert span_ids(file) == list(range(20))


@pytest.mark.parametrize("change", [delete_all, replace, delete_wal])
def test_a_commit_into_a_replaced_file_is_not_acknowledged(
    store: Store, file: Path, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[Any] = []
    real = sqlite_upgrade.transaction

    @contextlib.contextmanager
    def changing(connection: sqlite3.Connection) -> Iterator[None]:
        with real(connection):
            yield
            if not changed:
                changed.append(change)
                change(file)

    monkeypatch.setattr(sqlite_module, "transaction", changing)
    store.write(rows(20)[10:], timeout=SECONDS)
    assert changed
    store.close(timeout=SECONDS)
    assert set(span_ids(file)) >= set(range(10, 20))


def test_a_file_that_is_deleted_repeatedly_is_unavailable(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenFiles, "unchanged", lambda _: False)
    with pytest.raises(StoreUnavailable, match="deleted or replaced"):
        store.write(rows(1), timeout=0.1)


def test_a_bot_that_changes_its_working_directory_keeps_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opened = open_store("sqlite:///calls.db")
    opened.write(rows(1), timeout=SECONDS)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    opened.close(timeout=SECONDS)
    opened.write(rows(2), timeout=SECONDS)
    opened.close(timeout=SECONDS)
    assert span_ids(tmp_path / "calls.db") == [0, 1]


def test_a_new_database_and_its_folder_are_private(store: Store, file: Path) -> None:
    assert [mode(beside(file, suffix)) for suffix in ("", "-wal", "-shm")] == [0o600] * 3
    assert [mode(folder) for folder in (file.parent, file.parent.parent)] == [0o700] * 2


def test_a_database_created_by_migrate_is_private(file: Path) -> None:
    run_migration(f"sqlite:///{file}", "command_calls")
    assert mode(file) == 0o600
    assert mode(file.parent) == 0o700


def test_the_permissions_of_existing_files_are_left_alone(file: Path) -> None:
    file.parent.mkdir(0o755, parents=True)
    file.parent.chmod(0o755)
    file.touch(0o644)
    file.chmod(0o644)
    opened = open_store(f"sqlite:///{file}")
    opened.write(rows(1), timeout=SECONDS)
    assert mode(file) == 0o644
    assert mode(file.parent) == 0o755
    opened.close(timeout=SECONDS)


def test_a_database_behind_a_symbolic_link_is_watched(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    run_migration(f"sqlite:///{file}", "command_calls")
    link.symlink_to(file)
    opened = open_store(f"sqlite:///{link}")
    opened.write(rows(10), timeout=SECONDS)
    shutil.copy(file, tmp_path / "other.db")
    link.unlink()
    link.symlink_to(tmp_path / "other.db")
    opened.write(rows(20)[10:], timeout=SECONDS)
    opened.close(timeout=SECONDS)
    assert set(span_ids(tmp_path / "other.db")) >= set(range(10, 20))
    assert os.path.realpath(link) == str(tmp_path / "other.db")
