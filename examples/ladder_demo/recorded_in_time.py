"""Rows of a made-up past are stored all at once; a bot would have stored each within about a second."""

from __future__ import annotations

from typing import Final

from slashspan.exporters.admin.connections import parse_target, postgres_connection, run_to_end, sqlite_connection

BUSY_SECONDS: Final = 60.0
_UPDATE: Final = (
    "UPDATE {table} SET inserted_at = {stored} WHERE environment = '{environment}' AND inserted_at > {stored}"
)
# A batch is written each second and takes 30 ms.
_STORED: Final = {
    "sqlite": ("(strftime('%Y-%m-%dT%H:%M:%S', called_at, (duration_ms / 1000 + 1) || ' seconds') || '.030000Z')"),
    "postgresql": (
        "(date_trunc('second', called_at + duration_ms * interval '1 millisecond') + interval '1.03 seconds')"
    ),
}


def record_in_time(dsn: str, environment: str) -> None:
    """Give the rows of this environment the time at which a bot would have stored them. Raises StoreError."""
    target, table = parse_target(dsn, "command_calls")
    name = "sqlite" if target.is_sqlite else "postgresql"
    sql = _UPDATE.format(table=table.quoted, stored=_STORED[name], environment=environment)
    if target.is_sqlite:
        with sqlite_connection(target, seconds=BUSY_SECONDS) as connection:
            connection.execute(sql)
        return

    async def update() -> None:
        async with postgres_connection(target) as connection:
            await connection.execute(sql)

    run_to_end(update())
