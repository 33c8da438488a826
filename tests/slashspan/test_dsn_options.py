"""Connection strings as hosting services, Prisma and libpq's users write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slashspan.dsn import Dsn
from slashspan.errors import ConfigurationError
from slashspan.exporters.admin.connections import sqlite_connection
from slashspan.exporters.stores.errors import StoreUnavailable
from slashspan.exporters.stores.factory import open_store
from slashspan.insights import open_reader, totals
from tests.support import ROOT
from tests.support.pgbouncer import BINARY, open_folder, pgbouncer
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.rows import rows

AS_WRITTEN = "connect_timeout=5&channel_binding=prefer&pgbouncer=true&connection_limit=1&pool_timeout=9&schema=public"


def test_options_of_other_drivers_are_not_sent_to_the_server() -> None:
    dsn = Dsn.parse(f"postgresql://bot@host/bot?sslmode=require&{AS_WRITTEN}&keepalives_idle=5&application_name=bot")
    assert dsn.options == (("sslmode", "require"), ("application_name", "bot"))
    assert dsn.connect_timeout == 5


@pytest.mark.parametrize("written", ["0", "-1", ""])
def test_a_connect_timeout_of_zero_is_none_as_for_libpq(written: str) -> None:
    assert Dsn.parse(f"postgresql://host/bot?connect_timeout={written}").connect_timeout is None


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("sslmode=on", "sslmode must be one of: disable, allow, prefer, require, verify-ca, verify-full"),
        ("sslmode=", "sslmode must be one of"),
        ("sslnegotiation=tls", "postgres, direct"),
        ("target_session_attrs=master", "any, primary, standby"),
        ("channel_binding=on", "disable, prefer, require"),
        ("connect_timeout=5s", "whole number of seconds"),
        ("schema=bot", "SLASHSPAN_TABLE=schema.command_calls"),
    ],
)
def test_a_wrong_option_is_named_at_once_with_the_choices(option: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        Dsn.parse(f"postgresql://bot:secret@host/bot?{option}")
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(BINARY is None, reason="PgBouncer is not installed: apt-get install pgbouncer")
def test_a_connection_string_of_prisma_works_through_a_pooler(server: Postgres, database: str) -> None:
    owner = open_store(server.dsn(database))
    owner.prepare(timeout=20)
    owner.close(timeout=5)
    with open_folder() as folder, pgbouncer(server, folder) as port:
        dsn = f"{server.dsn(database, port=port)}?{AS_WRITTEN}"
        store = open_store(dsn)
        store.write(rows(100), timeout=20)
        store.close(timeout=5)
        with open_reader(dsn) as reader:
            assert reader.run(totals).rows[0].calls == 100


def test_the_next_of_several_hosts_is_tried(server: Postgres, database: str) -> None:
    dsn = (
        f"postgresql://postgres@127.0.0.1:{free_port()},127.0.0.1:{server.port}/{database}?target_session_attrs=primary"
    )
    store = open_store(dsn)
    store.prepare(timeout=20)
    store.write(rows(10), timeout=20)
    store.close(timeout=5)
    assert server.execute("SELECT count(*) AS n FROM command_calls", database)[0]["n"] == 10


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Dsn.parse("sqlite:///~/x.db").path == tmp_path / "x.db"
    assert Dsn.parse("sqlite:///~/x.db").identity == Dsn.parse(f"sqlite:///{tmp_path}/x.db").identity


@pytest.mark.parametrize("query", ["mode=memory", "cache=shared", "mode=ro&x=1"])
def test_another_option_of_a_sqlite_file_is_refused(query: str) -> None:
    with pytest.raises(ConfigurationError, match="mode=ro"):
        Dsn.parse(f"sqlite:///x.db?{query}")


def test_a_read_only_file_is_read_and_never_written(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path}/x.db"
    store = open_store(dsn)
    store.prepare(timeout=5)
    store.write(rows(5), timeout=5)
    store.close(timeout=5)
    with open_reader(f"{dsn}?mode=ro") as reader:
        assert reader.run(totals).rows[0].calls == 5
    with pytest.raises(ConfigurationError, match="mode=ro"):
        open_store(f"{dsn}?mode=ro")
    with pytest.raises(StoreUnavailable, match="readonly"):
        with sqlite_connection(Dsn.parse(f"{dsn}?mode=ro"), seconds=5) as connection:
            connection.execute("DELETE FROM command_calls")


def test_every_connection_string_in_the_document_is_understood() -> None:
    found = re.findall(r"^(?:SLASHSPAN_DSN=)(\S+)$", (ROOT / "docs" / "database.md").read_text("utf-8"), re.MULTILINE)
    assert len(found) >= 7
    for text in found:
        assert Dsn.parse(text).masked.count("…") <= 1
