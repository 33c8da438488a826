"""A process that forks: the child has no part of the parent's connections, and a fork does not wait for a database."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest

from slashspan.exporters.stores.factory import open_store
from slashspan.exporters.stores.schema.postgres_apply import ADVISORY_LOCK
from tests.support import ROOT
from tests.support.rows import rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")

# The lock is given back only after the fork, so the fork cannot have waited for it.
DURING_A_LOCK = """
import os, sqlite3, sys, threading
from slashspan.exporters.stores.factory import open_store
from tests.support.rows import rows

path = sys.argv[1]
store = open_store(f"sqlite:///{path}")
store.prepare(timeout=20)
other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
other.execute("BEGIN IMMEDIATE")
waits = threading.Event()

def write():
    waits.set()
    store.write(rows(10), timeout=60)

writer = threading.Thread(target=write)
writer.start()
waits.wait()
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
assert writer.is_alive(), "the write ended while the database was locked"
other.execute("ROLLBACK")
writer.join()
store.close(timeout=20)
"""


PYTHON = [sys.executable, "-W", "ignore::DeprecationWarning"]
"""Since 3.12, Python warns of every fork of a process with threads."""


def run(script: str, *arguments: str) -> None:
    """It succeeds, and neither parent nor child says anything."""
    command = [*PYTHON, "-c", script, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_fork_does_not_wait_for_another_process_that_holds_sqlites_lock(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    run(DURING_A_LOCK, str(path))
    assert execute(f"sqlite:///{path}", "SELECT count(*) AS n FROM command_calls")[0]["n"] == 10


IN_BOTH = """
import os, sys
from slashspan.exporters.stores.factory import open_store
from tests.support.rows import rows

store = open_store(sys.argv[1])
store.write(rows(40), timeout=20)
child = os.fork()
if child == 0:
    store.write(rows(80)[40:], timeout=20)
    store.close(timeout=20)
    sys.exit(0)
store.write(rows(120)[80:], timeout=20)
assert os.waitpid(child, 0)[1] == 0
store.write(rows(160)[120:], timeout=20)
store.close(timeout=20)
"""


def test_parent_and_child_have_their_own_connections(dsn: str) -> None:
    run(IN_BOTH, dsn)
    assert execute(dsn, "SELECT count(*) AS n FROM command_calls")[0]["n"] == 160


WITHOUT_A_WRITE = """
import os, sys
from slashspan.exporters.stores.factory import open_store
from tests.support.rows import rows

store = open_store(sys.argv[1])
store.write(rows(40), timeout=20)
child = os.fork()
if child == 0:
    del store
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
store.write(rows(80)[40:], timeout=20)
store.close(timeout=20)
"""


def test_a_child_that_exits_leaves_the_parents_connection_open(dsn: str) -> None:
    run(WITHOUT_A_WRITE, dsn)
    assert execute(dsn, "SELECT count(*) AS n FROM command_calls")[0]["n"] == 80


WHILE_CONNECTING = """
import gc, os, sys, threading
from slashspan.exporters.stores.factory import open_store
from tests.support.rows import rows

store = open_store(sys.argv[1])
connecting = threading.Thread(target=store.prepare, kwargs={"timeout": 60})
connecting.start()
sys.stdin.readline()
child = os.fork()
if child == 0:
    del store
    gc.collect()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print("the child has ended", flush=True)
connecting.join()
store.write(rows(40), timeout=20)
store.close(timeout=20)
"""
STORES_THAT_WAIT = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
 WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


async def test_a_child_leaves_alone_a_connection_that_its_parent_is_making(server: Postgres, database: str) -> None:
    dsn = server.dsn(database)
    other = await asyncpg.connect(dsn)
    try:
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK)
            command = [*PYTHON, "-c", WHILE_CONNECTING, dsn]
            forking = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            assert forking.stdin is not None
            assert forking.stdout is not None
            while not await other.fetchval(STORES_THAT_WAIT):
                assert forking.returncode is None
                await asyncio.sleep(0.01)
            forking.stdin.write(b"\n")
            assert await forking.stdout.readline() == b"the child has ended\n"
        assert (await forking.communicate())[1] == b""
    finally:
        await other.close()
    assert execute(dsn, "SELECT count(*) AS n FROM command_calls")[0]["n"] == 40


def test_a_write_waits_for_the_lock_until_its_timeout(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    store = open_store(f"sqlite:///{path}")
    store.prepare(timeout=20)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Exception, match="locked"):
        store.write(rows(10), timeout=0.2)
    other.execute("ROLLBACK")
    other.close()
    store.write(rows(10), timeout=20)
    store.close(timeout=20)
    assert execute(f"sqlite:///{path}", "SELECT count(*) AS n FROM command_calls")[0]["n"] == 10
