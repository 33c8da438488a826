"""Rows that ClickHouse has made of spans, read without anything of ours, compared with those of other databases."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.rows.command_call import ROW_COLUMNS
from slashspan.semconv import Kind
from tests.support.stored_rows import as_utc
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.clickhouse_server import ClickhouseServer

_SPELLED: Final = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
"""Numbers that JSON lacks, as the collector spells them and as JSON columns do."""


def migrated(server: ClickhouseServer, database: str) -> None:
    """Create the database, its tables and views."""
    run_migration(server.dsn(database), "command_calls")


def into_clickhouse(server: ClickhouseServer, database: str) -> dict[str, str]:
    """The variables of a collector, or a gateway, that inserts into it."""
    return {
        "ANALYTICS_EXPORTER": "clickhouse",
        "CLICKHOUSE_ENDPOINT": server.url,
        "CLICKHOUSE_USER": server.user,
        "CLICKHOUSE_PASSWORD": server.password,
        "CLICKHOUSE_DATABASE": database,
    }


def calls(server: ClickhouseServer, database: str) -> list[dict[str, Any]]:
    """What the view shows, by the time of the call, in the types of the other databases' readers."""
    names = ", ".join(column.name for column in ROW_COLUMNS)
    return [
        {**row, "called_at": as_utc(row["called_at"])}
        for row in server.query(f"SELECT {names} FROM {database}.command_calls ORDER BY called_at, span_id")
    ]


def wait_for_calls(server: ClickhouseServer, database: str, count: int, seconds: float = 240.0) -> None:
    """Wait until the view shows as many."""
    sql = f"SELECT count() AS count FROM {database}.command_calls"
    until(lambda: server.query(sql)[0]["count"] >= count, seconds, pause=0.2)


def differences(rows: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is not in ClickHouse as in the other database; empty if each row is there once and field by field equal.

    Autocomplete has no rows in ClickHouse, and what a bot has set on its span is text there.
    """
    expected = {_key(row): row for row in rows if row["kind"] != Kind.AUTOCOMPLETE}
    by_key = {_key(row): row for row in found}
    wrong = [f"{len(found) - len(by_key)} rows are there twice"] if len(found) > len(by_key) else []
    wrong += [f"missing: {_said(expected[key])}" for key in expected.keys() - by_key.keys()]
    wrong += [f"too many: {_said(by_key[key])}" for key in by_key.keys() - expected.keys()]
    for key in expected.keys() & by_key.keys():
        wrong += _different_fields(expected[key], by_key[key])
    return wrong


def _key(row: Mapping[str, Any]) -> tuple[Any, int]:
    return as_utc(row["called_at"]), row["span_id"]


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['kind']} {row['command']} {row['outcome']} {row['span_id']}"


def _different_fields(row: Mapping[str, Any], call: Mapping[str, Any]) -> list[str]:
    shown: dict[str, Any] = {**call, "called_at": as_utc(call["called_at"])}
    wanted: dict[str, Any] = {**row, "called_at": as_utc(row["called_at"])}
    wanted["checkpoints"] = json.loads(row["checkpoints"] or "[]")
    wanted["attributes"] = json.loads(row["attributes"] or "{}", parse_int=_number)
    marks = [{**mark, **mark["attributes"]} for mark in call["checkpoints"]]
    for mark in marks:
        del mark["attributes"]
    likes = [*wanted["checkpoints"], *({} for _ in marks)]
    shown["checkpoints"] = [_typed(mark, like) for mark, like in zip(marks, likes, strict=False)]
    shown["attributes"] = _typed(call["attributes"], wanted["attributes"])
    return [
        f"{_said(row)}: {name} is {shown[name]!r}, not {wanted[name]!r}"
        for name in (column.name for column in ROW_COLUMNS)
        if shown[name] != wanted[name]
    ]


def _number(digits: str) -> int | float:
    """PostgreSQL shows the fraction 1e300 as 301 digits."""
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else float(digits)


def _typed(values: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """Texts as values of the types that they have in `like`."""
    typed = dict(values)
    for key, text in values.items():
        wanted = like.get(key)
        if isinstance(wanted, str):
            typed[key] = _SPELLED.get(text, text)
        elif isinstance(text, str) and wanted is not None:
            with contextlib.suppress(ValueError):
                typed[key] = json.loads(text)
    return typed
