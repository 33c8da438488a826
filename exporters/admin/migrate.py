"""`slashspan migrate`: plans an upgrade and executes it."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from typing import TYPE_CHECKING, Any

from slashspan.errors import ConfigurationError
from slashspan.exporters.admin.connections import (
    clickhouse_client,
    file_exists,
    parse_target,
    postgres_connection,
    run_to_end,
    sqlite_connection,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from slashspan.dsn import Dsn
    from slashspan.exporters.stores.schema.plan import Plan, Step

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+\-/]*")


def plan_migration(
    dsn: Dsn | str,
    table: str,
    *,
    partitioned: bool = False,
    zone: str = "UTC",
    cluster: str | None = None,
    seconds: float = 30.0,
) -> Plan:
    """What `run_migration` would do. Changes nothing. Raises StoreError, ConfigurationError."""
    target, named = parse_target(dsn, table)
    _check_options(target, partitioned, zone, cluster)
    if target.is_clickhouse:
        from slashspan.exporters.stores.schema import clickhouse_plan

        with clickhouse_client(target) as client:
            return clickhouse_plan.plan(client, target.database or "", named, cluster)
    if target.is_sqlite:
        from slashspan.exporters.stores.schema import sqlite_upgrade

        with contextlib.ExitStack() as stack:
            if file_exists(target.path):
                return sqlite_upgrade.plan(stack.enter_context(sqlite_connection(target, seconds=seconds)), named)
            return sqlite_upgrade.plan(stack.enter_context(contextlib.closing(sqlite3.connect(":memory:"))), named)

    async def work() -> Plan:
        async with postgres_connection(target) as connection:
            from slashspan.exporters.stores.schema import postgres_apply

            options = await _options(connection, partitioned, zone)
            async with connection.transaction(readonly=True):
                return await postgres_apply.plan(connection, named, options)

    return run_to_end(work())


def run_migration(
    dsn: Dsn | str,
    table: str,
    *,
    partitioned: bool = False,
    zone: str = "UTC",
    cluster: str | None = None,
    seconds: float = 30.0,
    done: Callable[[Step], None] = lambda _: None,
) -> None:
    """Bring the table up to date; `done` is called after each step. Safe to interrupt and to run again.

    `seconds`: how long to try for locks; an index takes as long as it takes. `cluster`: ClickHouse's, on whose nodes to
    create the tables. Raises StoreError, ConfigurationError.
    """
    target, named = parse_target(dsn, table)
    _check_options(target, partitioned, zone, cluster)
    if target.is_clickhouse:
        from slashspan.exporters.stores.schema import clickhouse_plan

        with clickhouse_client(target) as client:
            clickhouse_plan.migrate(client, target.database or "", named, cluster, done=done)
        return
    if target.is_sqlite:
        from slashspan.exporters.stores.schema import sqlite_upgrade

        with sqlite_connection(target, seconds=seconds, create=True) as connection:
            sqlite_upgrade.migrate(connection, named, done=done)
        return

    async def work() -> None:
        async with postgres_connection(target) as connection:
            from slashspan.exporters.stores.schema import postgres_apply

            options = await _options(connection, partitioned, zone)
            await postgres_apply.migrate(connection, named, options, seconds=seconds, done=done)

    run_to_end(work())


def _check_options(dsn: Dsn, partitioned: bool, zone: str, cluster: str | None) -> None:
    if cluster is not None and not dsn.is_clickhouse:
        raise ConfigurationError("--cluster: only ClickHouse has clusters")
    if partitioned and dsn.is_sqlite:
        raise ConfigurationError("--partitioned: SQLite has no partitions")
    if partitioned and dsn.is_clickhouse:
        raise ConfigurationError("--partitioned: in ClickHouse the rows are always partitioned by month")
    if zone.upper() != "UTC" and dsn.is_sqlite:
        raise ConfigurationError(f"--naive-called-at-zone={zone}: times in SQLite are read as UTC")
    if zone.upper() != "UTC" and dsn.is_clickhouse:
        raise ConfigurationError(f"--naive-called-at-zone={zone}: tables of an old bot cannot be in ClickHouse")


async def _options(connection: Any, partitioned: bool, zone: str) -> Any:
    from slashspan.exporters.stores.schema.postgres_plan import UTC, MigrationOptions

    if zone.upper() in ("UTC", "ETC/UTC", "GMT", "Z"):
        return MigrationOptions(partitioned, UTC)
    known = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_timezone_names WHERE lower(name) = lower($1))", zone
    )
    if not _ZONE.fullmatch(zone) or not known:
        raise ConfigurationError(
            f"--naive-called-at-zone={zone}: PostgreSQL does not know this zone; write it like Europe/Berlin"
        )
    return MigrationOptions(partitioned, zone)
