"""The server or the connection to it fails, under load, at every stage: every row arrives once."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.load import Load
from tests.support.postgres import postgres
from tests.support.proxy import Proxy
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_restart_under_load_loses_nothing(mode: str, tmp_path: Path) -> None:
    with postgres() as server:
        database = server.create_database()
        with Load(server.dsn(database), tmp_path) as load:
            load.wait_for_rows()
            server.stop(mode)
            load.wait_for_failures()
            server.start()
            load.wait_for_rows()
            server.restart(mode)
            load.assert_each_arrives_once(server, database)


def test_backends_terminated_during_writes_lose_nothing(server: Postgres, database: str, tmp_path: Path) -> None:
    with Load(server.dsn(database), tmp_path) as load:
        for _ in range(8):
            load.wait_for_rows(5)
            server.execute(OTHERS.format(database))
        load.assert_each_arrives_once(server, database)


def test_a_backend_terminated_while_idle_loses_nothing(server: Postgres, database: str, tmp_path: Path) -> None:
    with Load(server.dsn(database), tmp_path) as load:
        load.wait_for_rows()
        load.stop()
        assert load.processor.force_flush(20_000)
        server.execute(OTHERS.format(database))
        load.start()
        load.wait_for_rows()
        load.assert_each_arrives_once(server, database)


@pytest.mark.parametrize("stage", ["connect", "query", "idle"])
def test_a_connection_that_goes_silent_loses_nothing(
    stage: str, server: Postgres, database: str, tmp_path: Path
) -> None:
    with Proxy(server.port) as proxy:
        proxy.black_hole(on=stage == "connect")
        with Load(server.dsn(database, port=proxy.port), tmp_path) as load:
            if stage != "connect":
                load.wait_for_rows()
            if stage == "idle":
                load.stop()
                assert load.processor.force_flush(20_000)
            proxy.black_hole()
            if stage == "idle":
                load.start()
            load.wait_for_failures(1)
            proxy.black_hole(on=False)
            proxy.cut()
            load.assert_each_arrives_once(server, database)


def in_table(server: Postgres, database: str) -> int:
    [row] = server.execute("SELECT count(*) AS rows FROM command_calls", database)
    return int(row["rows"])


def test_a_commit_whose_answer_is_lost_is_written_once(server: Postgres, database: str, tmp_path: Path) -> None:
    with Proxy(server.port) as proxy, Load(server.dsn(database, port=proxy.port), tmp_path) as load:
        for _ in range(3):
            load.wait_for_rows(20)
            tries = load.counts.retried
            proxy.swallow_answers()
            until(lambda: in_table(server, database) > load.counts.stored)  # committed, and not known to be
            proxy.cut()
            proxy.swallow_answers(on=False)
            until(lambda: load.counts.retried > tries)  # noqa: B023
        load.assert_each_arrives_once(server, database)


def test_a_connection_that_is_cut_repeatedly_loses_nothing(server: Postgres, database: str, tmp_path: Path) -> None:
    with Proxy(server.port, delay=0.01) as proxy, Load(server.dsn(database, port=proxy.port), tmp_path) as load:
        for _ in range(10):
            load.wait_for_rows(1)
            proxy.cut()
        load.assert_each_arrives_once(server, database)


def test_a_server_that_goes_silent_in_the_tls_handshake_times_out(tmp_path: Path) -> None:
    """Not a real server: it accepts TLS and then sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []

        def agree() -> None:
            while True:
                connection, _ = listening.accept()
                connection.recv(8)
                connection.sendall(b"S")
                held.append(connection)

        threading.Thread(target=agree, daemon=True).start()
        port = listening.getsockname()[1]
        with Load(f"postgresql://bot@127.0.0.1:{port}/db?sslmode=require", tmp_path) as load:
            load.wait_for_failures()
            load.stop()
            assert load.counts.waiting == len(load.recorded)
    assert len(held) >= 2, "given up, and tried again"
    for connection in held:
        connection.close()
