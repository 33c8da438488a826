"""`clickhouse://…` is parsed, shown without secrets, and refused where bots would write to it."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote

import pytest

from slashspan.clickhouse import connected
from slashspan.dsn import Dsn
from slashspan.errors import ConfigurationError
from slashspan.exporters.admin.connections import parse_target
from slashspan.exporters.stores.factory import open_store


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("clickhouse://db", {"host": "db", "port": 8123, "username": "default", "password": "", "secure": False}),
        ("clickhouse://", {"host": "localhost", "port": 8123}),
        ("clickhouse://db?secure=true", {"port": 8443, "secure": True, "verify": True}),
        ("clickhouse://db:9999/x?secure=true", {"port": 9999, "secure": True}),
        ("clickhouse://u:p%40ss@[::1]:1234/x", {"host": "::1", "port": 1234, "username": "u", "password": "p@ss"}),
        ("clickhouse://db?secure=true&verify=false&ca_cert=ca.pem", {"verify": False, "ca_cert": "ca.pem"}),
    ],
)
def test_a_dsn_becomes_the_clients_arguments(text: str, wanted: dict[str, Any]) -> None:
    arguments = Dsn.parse(text).connect_arguments()
    assert {name: arguments[name] for name in wanted} == wanted


def test_the_database_is_the_collectors_unless_another_is_named() -> None:
    assert Dsn.parse("clickhouse://db").database == "slashspan"
    assert Dsn.parse("clickhouse://db/").database == "slashspan"
    assert Dsn.parse("clickhouse://db/it%27s").database == "it's"


def test_a_database_keeps_its_identity_when_user_password_or_options_change() -> None:
    here = {"clickhouse://db", "clickhouse://u:p@DB:8123/slashspan", "clickhouse://db/slashspan?connect_timeout=3"}
    assert {Dsn.parse(text).identity for text in here} == {"clickhouse://db:8123/slashspan"}
    there = {"clickhouse://db2", "clickhouse://db/other", "clickhouse://db:8124", "clickhouse://db?secure=true"}
    assert len({Dsn.parse(text).identity for text in there}) == len(there)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clickhouse://a,b/x", "one host"),
        ("clickhouse://db?sslmode=require", "only the options secure, verify, ca_cert, connect_timeout"),
        ("clickhouse://db?secure=1", "secure must be true or false"),
        ("clickhouse://db:port", "the port must be a number"),
        ("clickhouse://u:p@ss@db", "where the password ends"),
        ("clickhouse://db/a%00b", "NUL"),
        ("clickhouse:db", "must be one of"),
    ],
)
def test_a_wrong_dsn_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        Dsn.parse(text)
    assert "p@ss" not in str(raised.value)


@pytest.mark.parametrize("password", ["hunter2", "/?#@:&%", "é 'x'"])
def test_no_password_is_shown(password: str) -> None:
    dsn = Dsn.parse(f"clickhouse://u:{quote(password, safe='')}@db:8123/x?secure=true")
    assert str(dsn) == "clickhouse://u:…@db:8123/x?secure=true"
    assert dsn.redact(f"user u with {password} is refused") == "user u with … is refused"


def test_a_bot_does_not_write_to_clickhouse_itself_and_is_told_the_way() -> None:
    with pytest.raises(ConfigurationError, match="OTEL_TRACES_EXPORTER=otlp") as raised:
        open_store("clickhouse://u:hunter2@db")
    assert "hunter2" not in str(raised.value)


def test_a_table_has_no_schema_there_because_the_dsn_names_the_database() -> None:
    with pytest.raises(ConfigurationError, match="without a schema"):
        parse_target("clickhouse://db", "other.command_calls")


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'slashspan\[clickhouse\]'"):
        with connected(Dsn.parse("clickhouse://db")):
            pass
