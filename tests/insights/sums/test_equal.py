"""Reports say the same with sums and without, whatever has happened to the rows since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from slashspan.exporters.admin.migrate import run_migration
from slashspan.insights import Filters
from slashspan.insights.sums import open_sums, reader
from tests.support.legacy_tables import OLD_ROWS, SQLITE
from tests.support.stored_rows import write_rows
from tests.support.sums import EVER, EVERY, PARTS, PERIODS, UNSUMMED, calls, check
from tests.support.tables import execute

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

HERE: Final = "WHERE called_at >= '2026-10-03' AND called_at < '2026-10-04'"
CHANGES: Final = {
    "late rows": (),
    "deleted": (f"DELETE FROM command_calls {HERE}",),
    "changed": (f"UPDATE command_calls SET outcome = 'cancelled', discord_uid = 77 {HERE}",),
    "moved": ("UPDATE command_calls SET called_at = '2026-10-07T01:02:03.000004Z' WHERE id = 9",),
    "with an id of their own": (
        "DELETE FROM command_calls WHERE id = 9",
        (
            "INSERT INTO command_calls "
            "(id, called_at, span_id, discord_uid, player_name, command, kind, outcome, trace_id) "
            "VALUES (9, '2026-10-08T01:02:03.000004Z', 9, 5, '', 'play', 'slash', 'ok', '')"
        ),
    ),
    "all deleted": ("DELETE FROM command_calls",),
}


def test_built_and_changed(dsn: str) -> None:
    write_rows(dsn, calls(400, 1))
    with open_sums(dsn) as sums:
        assert sums.install("Europe/Berlin")
        sums.refresh()
        assert not sums.pending()
        check(dsn, PERIODS, queries=EVERY)
        check(dsn, UNSUMMED, summed=False)
        for number, (change, statements) in enumerate(CHANGES.items(), 2):
            write_rows(dsn, calls(5, number, days=0.3))
            execute(dsn, *statements, "SELECT 1")
            check(dsn, EVER if change != "all deleted" else (), summed=None)
            assert sums.refresh(), change
            assert sums.verify() == [], change
            check(dsn, EVER, queries=PARTS if number < len(CHANGES) else EVERY)
        assert sums.collect() > 0
        assert sums.status().ids == 0


def test_hours_that_begin_at_half_past(dsn: str) -> None:
    write_rows(dsn, calls(300, 1, days=4))
    with open_sums(dsn) as sums:
        sums.install("Asia/Kolkata")
        sums.refresh()
        check(dsn, [Filters(zone="Asia/Kolkata")], queries=EVERY)
        check(dsn, [Filters(zone="UTC")], summed=False)


def test_sums_of_another_version_are_not_read_which_is_said_once_and_are_built_anew(
    dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reader, "_warned", set())
    write_rows(dsn, calls(30, 1, days=2))
    with open_sums(dsn) as sums:
        sums.install("Europe/Berlin")
        sums.refresh()
        execute(dsn, "UPDATE command_calls_sums SET format = 0", "SELECT 1")
        check(dsn, EVER * 2, summed=False)
        assert caplog.text.count("`slashspan rollup status` says more") == 1
        assert not sums.status().current
        assert sums.install("UTC")
        sums.refresh()
        assert list(sums.status().zones) == ["Europe/Berlin"]
        check(dsn, EVER)


def test_an_id_that_is_given_again_is_a_new_row(tmp_path: object) -> None:
    """As in an old bot's table, without AUTOINCREMENT."""
    dsn = f"sqlite:///{tmp_path}/a.db"
    execute(dsn, SQLITE["text"], OLD_ROWS)
    assert "AUTOINCREMENT" not in SQLITE["text"]
    run_migration(dsn, "command_calls")
    write_rows(dsn, calls(30, 1, days=2))
    with open_sums(dsn) as sums:
        sums.install("Europe/Berlin")
        sums.refresh()
        for seed in (2, 3):
            execute(dsn, "DELETE FROM command_calls WHERE id > 20", "SELECT 1")
            write_rows(dsn, calls(8, seed, days=20))
            check(dsn, EVER)
        sums.refresh()
        assert sums.verify() == []


def test_rows_are_read_once_too_much_has_changed(dsn: str) -> None:
    write_rows(dsn, calls(300, 1))
    with open_sums(dsn) as sums:
        sums.install("UTC")
        sums.refresh()
        execute(dsn, "DELETE FROM command_calls WHERE id % 2 = 0")
        check(dsn, [Filters(zone="UTC")], summed=False)
        sums.refresh()
        check(dsn, [Filters(zone="UTC")])


PARTITION = "command_calls_2026_10"
ELSEWHERE = {
    "a row of a partition deleted": (f"DELETE FROM {PARTITION} {HERE}",),
    "a partition emptied": (f"TRUNCATE {PARTITION}",),
    "a partition dropped": (f"DROP TABLE {PARTITION}",),
    "a partition dropped and created again": (
        f"DROP TABLE {PARTITION}",
        f"CREATE TABLE {PARTITION} PARTITION OF command_calls FOR VALUES FROM ('2026-10-01') TO ('2026-11-01')",
    ),
    "a partition attached that has rows": (
        f"ALTER TABLE command_calls DETACH PARTITION {PARTITION}",
        f"CREATE TABLE other (LIKE {PARTITION} INCLUDING ALL)",
        f"INSERT INTO other SELECT * FROM {PARTITION} {HERE}",
        "ALTER TABLE command_calls ATTACH PARTITION other FOR VALUES FROM ('2026-10-01') TO ('2026-11-01')",
    ),
    "triggers off for a while": (
        "ALTER TABLE command_calls DISABLE TRIGGER ALL",
        f"DELETE FROM command_calls {HERE}",
        "ALTER TABLE command_calls ENABLE TRIGGER ALL",
    ),
    "as a replica": ("SET session_replication_role = replica", f"DELETE FROM command_calls {HERE}"),
    "the marks dropped": ("DROP TABLE command_calls_sum_marks", f"DELETE FROM command_calls {HERE}"),
    "the table emptied": ("TRUNCATE command_calls",),
}


def test_what_is_done_to_partitions_and_triggers(server: Postgres) -> None:
    for change, statements in ELSEWHERE.items():
        name = server.create_database()
        dsn = server.dsn(name)
        run_migration(dsn, "command_calls", partitioned=True)
        with_partition = (
            f"CREATE TABLE {PARTITION} PARTITION OF command_calls FOR VALUES FROM ('2026-10-01') TO ('2026-11-01')"
        )
        execute(dsn, with_partition)
        write_rows(dsn, calls(60, 1, days=20))
        with open_sums(dsn) as sums:
            sums.install("Europe/Berlin")
            sums.refresh()
            execute(dsn, *statements)
            write_rows(dsn, calls(3, 2, days=20))
            check(dsn, EVER, summed=None)
            sums.install("Europe/Berlin")
            sums.refresh()
            assert sums.verify() == [], change
        server.drop_database(name)


def test_a_new_partition_gets_its_triggers(server: Postgres, database: str) -> None:
    dsn = server.dsn(database)
    run_migration(dsn, "command_calls", partitioned=True)
    with open_sums(dsn) as sums:
        sums.install("Europe/Berlin")
        sums.refresh()
        write_rows(dsn, calls(300, 1, days=20))  # into the default partition
        run_migration(dsn, "command_calls")  # moves them
        assert execute(dsn, f"SELECT 1 FROM {PARTITION}")
        sums.refresh()
        check(dsn, EVER)
        execute(dsn, f"DELETE FROM {PARTITION} {HERE}", "SELECT 1")
        check(dsn, EVER)


def test_times_of_an_old_bot(tmp_path: object) -> None:
    dsn = f"sqlite:///{tmp_path}/a.db"
    write_rows(dsn, calls(300, 1, days=20))
    with open_sums(dsn) as sums:
        sums.install("Europe/Berlin")
        sums.refresh()
        for place, text in enumerate(("2026-10-01 00:30:00", "2026-09-30T23:30:00+02:00", "no time", "2026-10-01")):
            execute(
                dsn,
                "INSERT INTO command_calls (called_at, span_id, discord_uid, player_name, command, trace_id) "
                f"VALUES ('{text}', {place}, 5, '', 'play', '')",
                "SELECT 1",
            )
        for _ in range(2):
            check(dsn, EVER)
            sums.refresh()
        execute(dsn, "UPDATE command_calls SET outcome = 'ok' WHERE span_id < 3", "SELECT 1")
        for _ in range(2):
            check(dsn, EVER)
            sums.refresh()
        assert sums.verify() == []


@pytest.mark.parametrize("grants", [(), ("command_calls_sums", "command_calls_sum_hours")])
def test_without_rights_to_them_the_rows_are_read(server: Postgres, database: str, grants: tuple[str, ...]) -> None:
    dsn = server.dsn(database)
    write_rows(dsn, calls(50, 1, days=2))
    with open_sums(dsn) as sums:
        sums.install("UTC")
        sums.refresh()
    role = f"reader_of_{database}"
    allowed = ", ".join(("command_calls", *grants))
    execute(dsn, f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON {allowed} TO {role}")
    try:
        check(dsn.replace("postgres@", f"{role}@"), [Filters()], summed=False)
    finally:
        execute(dsn, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
