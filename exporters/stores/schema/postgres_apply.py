"""PostgreSQL: the quick schema changes that a store makes itself, and the full upgrade of `slashspan migrate`.

There are two locks. `ADVISORY_LOCK` is held by a transaction that changes the schema, so that two stores that start at
the same time do not both create the table. `MIGRATE_LOCK` is held by the session of a whole upgrade. A single lock
would not do: CREATE INDEX CONCURRENTLY waits for all older transactions, including those that wait for the lock.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from slashspan.exporters.stores.errors import SchemaMismatch, StoreError, StoreUnavailable
from slashspan.exporters.stores.schema import postgres_plan as plans
from slashspan.exporters.stores.schema.partitions import (
    ensure_partitions,
    months_to_make,
    stray_months,
    try_partitions,
    utc_now,
)
from slashspan.exporters.stores.schema.plan import MIGRATE, Plan, Step
from slashspan.exporters.stores.schema.postgres_state import TableState, read_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from slashspan.table import Table

ADVISORY_LOCK: Final = 0x736C6173
MIGRATE_LOCK: Final = 0x736C6174
LOCK_SECONDS: Final = 2
"""How long a step waits for a lock on the table; all later statements on the table wait behind it."""
PAUSE_SECONDS: Final = 0.5
"""Pause between two attempts, in which others that waited can continue."""


async def prepare(connection: Any, table: Table, now: datetime) -> bool:
    """Create the table, or make the quick changes that it lacks. Raises SchemaMismatch.

    Takes one round trip if there is nothing to do. Returns whether the table has partitions.
    """
    state = await read_state(connection, table)
    if state is None or not plans.is_ready(state, table):
        try:
            state = await _brought_up_to_date(connection, table)
        except asyncpg.InsufficientPrivilegeError as error:
            raise SchemaMismatch(
                f"table {table} is missing or lacks columns, and this role may not change it ({error}); "
                f"{MIGRATE} as the owner of the schema"
            ) from error
    if state is None or not state.partitioned:
        return False
    await try_partitions(connection, table, now, state=state)
    return True


async def _brought_up_to_date(connection: Any, table: Table) -> TableState | None:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK)
        state = await read_state(connection, table)
        if state is None:
            steps = [plans.creation(table, partitioned=False)]
        else:
            steps = plans.quick_steps(state, table, await plans.read_versions(connection, table))
        for step in steps:
            for sql in step.sql:
                await connection.execute(sql)
        return state


async def plan(connection: Any, table: Table, options: plans.MigrationOptions) -> Plan:
    """What `migrate` would do. Changes nothing. Raises SchemaMismatch."""
    state = await read_state(connection, table)
    found = plans.full_plan(state, table, await plans.read_versions(connection, table), options)
    if not (state.partitioned if state else options.partitioned):
        return found
    notes = []
    if new := months_to_make(table, state, utc_now()):
        notes.append(f"partitions are created for {', '.join(f'{month:%Y-%m}' for month in new)}")
    if state and (stray := await stray_months(connection, state)):
        months = ", ".join(f"{month:%Y-%m}" for month in stray)
        notes.append(f"rows of {months} are moved out of the default partition, while writers of these months wait")
    return Plan(found.steps, (*found.notes, *notes))


async def migrate(
    connection: Any,
    table: Table,
    options: plans.MigrationOptions,
    *,
    seconds: float,
    done: Callable[[Step], None] = lambda _: None,
) -> None:
    """Execute the plan step by step; `done` is called after each. Can be interrupted at any point and run again.

    Gives up waiting for a lock after LOCK_SECONDS, and retries for `seconds`. Raises SchemaMismatch, StoreUnavailable.
    """
    deadline = time.monotonic() + seconds
    await connection.execute("SET lock_timeout = 0")
    await connection.execute("SET statement_timeout = 0")
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", MIGRATE_LOCK):
        await _pause(deadline, "another migration is running")
    try:
        await _all_steps(connection, table, options, deadline, done)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATE_LOCK)


async def _all_steps(
    connection: Any, table: Table, options: plans.MigrationOptions, deadline: float, done: Callable[[Step], None]
) -> None:
    last: Step | None = None
    while (step := await _next(connection, table, options)) is not None:
        if step == last:
            raise StoreError(f"{step.title}: executed, but PostgreSQL does not show the result")
        try:
            if step.alone:
                await connection.execute(step.sql[0])
            else:
                await _transact(connection, table, options, step)
        except asyncpg.LockNotAvailableError:
            await _pause(deadline, f"{step.title}: the table is in use by a long transaction")
            continue
        last = step
        done(step)
    while not await _partitioned(connection, table, done):
        await _pause(deadline, "partitions: the table is in use by a long transaction")


async def _partitioned(connection: Any, table: Table, done: Callable[[Step], None]) -> bool:
    """False if a lock could not be acquired."""
    try:
        for name in await ensure_partitions(connection, table, utc_now(), move=True):
            done(Step(f"partition {name}", ()))
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def _next(connection: Any, table: Table, options: plans.MigrationOptions) -> Step | None:
    state = await read_state(connection, table)
    steps = plans.full_plan(state, table, await plans.read_versions(connection, table), options).steps
    return steps[0] if steps else None


async def _transact(connection: Any, table: Table, options: plans.MigrationOptions, step: Step) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK)
        if await _next(connection, table, options) != step:
            return  # a store that started in the meantime has done it
        for sql in step.sql:
            await connection.execute(sql)


async def _pause(deadline: float, why: str) -> None:
    if time.monotonic() > deadline:
        raise StoreUnavailable(f"{why}; run it again; finished steps are kept")
    await asyncio.sleep(PAUSE_SECONDS)
