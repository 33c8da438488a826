"""Tables as older bots created them, and what bots write."""

from __future__ import annotations

from slashspan.exporters.stores.factory import open_store
from tests.support.rows import FULL

POSTGRESQL = {
    "serial, aware": (
        "CREATE TABLE command_calls (id serial PRIMARY KEY, discord_uid bigint NOT NULL, player_name text NOT NULL, "
        "command text NOT NULL, called_at timestamptz NOT NULL DEFAULT now())"
    ),
    "bigserial, naive": (
        "CREATE TABLE command_calls (id bigserial PRIMARY KEY, discord_uid bigint, player_name text, "
        "command text, called_at timestamp DEFAULT now())"
    ),
    "identity, naive in UTC": (
        "CREATE TABLE command_calls (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, discord_uid bigint NOT NULL, "
        "player_name text NOT NULL, command text NOT NULL, "
        "called_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'))"
    ),
    "short texts, whole seconds, a column more": (
        "CREATE TABLE command_calls (id serial, discord_uid bigint, player_name varchar(32), command varchar(100), "
        "called_at timestamp(0) with time zone DEFAULT CURRENT_TIMESTAMP, season integer)"
    ),
    "an index on naive times": (
        "CREATE TABLE command_calls (id serial PRIMARY KEY, discord_uid bigint, player_name text, command text, "
        "called_at timestamp without time zone DEFAULT CURRENT_TIMESTAMP UNIQUE)"
    ),
}
SQLITE = {
    "timestamp": (
        "CREATE TABLE command_calls (id INTEGER PRIMARY KEY AUTOINCREMENT, discord_uid BIGINT NOT NULL, "
        "player_name TEXT NOT NULL, command TEXT NOT NULL, called_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"
    ),
    "datetime, short texts": (
        "CREATE TABLE command_calls (id INTEGER PRIMARY KEY, discord_uid INTEGER, player_name VARCHAR(32), "
        "command VARCHAR(100), called_at DATETIME NOT NULL DEFAULT (datetime('now')), season INTEGER)"
    ),
    "text": (
        "CREATE TABLE command_calls (id integer primary key, discord_uid integer, player_name text, command text, "
        "called_at text default current_timestamp)"
    ),
}
OLD_ROWS = (
    "INSERT INTO command_calls (discord_uid, player_name, command, called_at) VALUES "
    "(1, 'ann', 'ping', '2026-01-01 10:00:00'), (2, 'bob', 'admin ban', '2026-01-01 23:59:59'), "
    "(1, 'ann', 'ping', '2026-07-01 00:00:00')"
)
OLD_INSERT = "INSERT INTO command_calls (discord_uid, player_name, command) VALUES (3, 'cid', 'ping')"
OLD_SELECT = "SELECT id, discord_uid, player_name, command, called_at FROM command_calls ORDER BY id"


def write_twice(dsn: str) -> None:
    """A row of today's bot, and the same again: a retry is harmless."""
    store = open_store(dsn)
    try:
        for _ in range(2):
            store.write([FULL], timeout=20)
    finally:
        store.close(timeout=5)
