"""The server or the line to it breaks, under load, at every stage: every row arrives once."""

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
def test_a_server_restarted_under_load(mode: str, tmp_path: Path) -> None:
    with postgres() as server:
        database = server.create_database()
        with Load(server.dsn(database), tmp_path) as load:
            load.more()
            server.stop(mode)
            load.fails()
            server.start()
            load.more()
            server.restart(mode)
            load.all_arrive_once(server, database)


def test_a_backend_terminated_again_and_again_in_flight(server: Postgres, database: str, tmp_path: Path) -> None:
    with Load(server.dsn(database), tmp_path) as load:
        for _ in range(8):
            load.more(5)
            server.execute(OTHERS.format(database))
        load.all_arrive_once(server, database)


def test_a_backend_terminated_while_idle(server: Postgres, database: str, tmp_path: Path) -> None:
    with Load(server.dsn(database), tmp_path) as load:
        load.more()
        load.stop()
        assert load.processor.force_flush(20_000)
        server.execute(OTHERS.format(database))
        load.start()
        load.more()
        load.all_arrive_once(server, database)


@pytest.mark.parametrize("stage", ["connect", "query", "idle"])
def test_a_black_hole(stage: str, server: Postgres, database: str, tmp_path: Path) -> None:
    with Proxy(server.port) as proxy:
        proxy.black_hole(on=stage == "connect")
        with Load(server.dsn(database, port=proxy.port), tmp_path) as load:
            if stage != "connect":
                load.more()
            if stage == "idle":
                load.stop()
                assert load.processor.force_flush(20_000)
            proxy.black_hole()
            if stage == "idle":
                load.start()
            load.fails(1)
            proxy.black_hole(on=False)
            proxy.cut()
            load.all_arrive_once(server, database)


def in_table(server: Postgres, database: str) -> int:
    [row] = server.execute("SELECT count(*) AS rows FROM command_calls", database)
    return int(row["rows"])


def test_a_commit_whose_answer_was_lost(server: Postgres, database: str, tmp_path: Path) -> None:
    with Proxy(server.port) as proxy, Load(server.dsn(database, port=proxy.port), tmp_path) as load:
        for _ in range(3):
            load.more(20)
            tries = load.counts.retried
            proxy.swallow_answers()
            until(lambda: in_table(server, database) > load.counts.stored)  # committed, and not known to be
            proxy.cut()
            proxy.swallow_answers(on=False)
            until(lambda: load.counts.retried > tries)  # noqa: B023
        load.all_arrive_once(server, database)


def test_a_line_that_is_cut_all_the_time(server: Postgres, database: str, tmp_path: Path) -> None:
    with Proxy(server.port, delay=0.01) as proxy, Load(server.dsn(database, port=proxy.port), tmp_path) as load:
        for _ in range(10):
            load.more(1)
            proxy.cut()
        load.all_arrive_once(server, database)


def test_a_server_that_falls_silent_in_the_tls_handshake(tmp_path: Path) -> None:
    """Not a real server: one that says it speaks TLS, and then nothing more."""
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
            load.fails()
            load.stop()
            assert load.counts.waiting == len(load.recorded)
    assert len(held) >= 2, "given up, and tried again"
    for connection in held:
        connection.close()
