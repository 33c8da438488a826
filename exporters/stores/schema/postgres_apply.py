"""PostgreSQL: a store's own quick look after its table, and the full upgrade of `slashspan migrate`.

Two locks. `ADVISORY_LOCK` is held by a transaction that changes the schema, so that two that start together do not both
create the table. `MIGRATE_LOCK` is held by the session of a whole upgrade. They are not one, because CREATE INDEX
CONCURRENTLY waits for every transaction that is older, also for one that waits for our lock.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from exporters.stores.errors import SchemaMismatch, StoreError, StoreUnavailable
from exporters.stores.schema import postgres_plan as plans
from exporters.stores.schema.partitions import ensure_partitions, months_to_make, stray_months
from exporters.stores.schema.plan import MIGRATE, Plan, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from slashspan.table import Table

ADVISORY_LOCK: Final = 0x736C6173
MIGRATE_LOCK: Final = 0x736C6174
LOCK_SECONDS: Final = 2
"""How long a step waits for the table; all that come after it wait as long behind it."""
PAUSE_SECONDS: Final = 0.5
"""Between two tries, in which those that waited go on."""


async def prepare(connection: Any, table: Table) -> None:
    """Create the table, or bring ours up to date where that is quick. Raises SchemaMismatch.

    One round trip when there is nothing to do.
    """
    state = await plans.read_state(connection, table)
    if state is None or not plans.is_ready(state, table):
        try:
            state = await _mended(connection, table)
        except asyncpg.InsufficientPrivilegeError as error:
            raise SchemaMismatch(
                f"table {table} is missing or lacks columns, and this role may not change it ({error}); "
                f"{MIGRATE} as the owner of the schema"
            ) from error
    if state is not None and state.partitioned:
        try:
            await ensure_partitions(connection, table, datetime.now(timezone.utc), state=state)
        except asyncpg.PostgresError:
            # The default partition takes every row; `slashspan migrate` by the owner moves them.
            return


async def _mended(connection: Any, table: Table) -> plans.State | None:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK)
        state = await plans.read_state(connection, table)
        if state is None:
            steps = [plans.creation(table, partitioned=False)]
        else:
            steps = plans.quick_steps(state, table, await plans.read_versions(connection, table))
        for step in steps:
            for sql in step.sql:
                await connection.execute(sql)
        return state


async def plan(connection: Any, table: Table, wishes: plans.Wishes) -> Plan:
    """What `migrate` would do; changes nothing. Raises SchemaMismatch."""
    state = await plans.read_state(connection, table)
    found = plans.full_plan(state, table, await plans.read_versions(connection, table), wishes)
    if not (state.partitioned if state else wishes.partitioned):
        return found
    notes = []
    if new := months_to_make(table, state, datetime.now(timezone.utc)):
        notes.append(f"partitions are made for {', '.join(f'{month:%Y-%m}' for month in new)}")
    if state and (stray := await stray_months(connection, state)):
        months = ", ".join(f"{month:%Y-%m}" for month in stray)
        notes.append(f"rows of {months} move out of the default partition, for which writers of these months wait")
    return Plan(found.steps, (*found.notes, *notes))


async def migrate(
    connection: Any,
    table: Table,
    wishes: plans.Wishes,
    *,
    seconds: float,
    done: Callable[[Step], None] = lambda _: None,
) -> None:
    """All of the plan, step by step; `done` after each. It may be cut off anywhere and run again.

    Gives a lock up after LOCK_SECONDS and tries again for `seconds`. Raises SchemaMismatch, StoreUnavailable.
    """
    deadline = time.monotonic() + seconds
    await connection.execute("SET lock_timeout = 0")
    await connection.execute("SET statement_timeout = 0")
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", MIGRATE_LOCK):
        await _pause(deadline, "another migration is under way")
    try:
        await _all_steps(connection, table, wishes, deadline, done)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATE_LOCK)


async def _all_steps(
    connection: Any, table: Table, wishes: plans.Wishes, deadline: float, done: Callable[[Step], None]
) -> None:
    last: Step | None = None
    while (step := await _next(connection, table, wishes)) is not None:
        if step == last:
            raise StoreError(f"{step.title}: done, and PostgreSQL does not show it")
        try:
            if step.alone:
                await connection.execute(step.sql[0])
            else:
                await _transact(connection, table, wishes, step)
        except asyncpg.LockNotAvailableError:
            await _pause(deadline, f"{step.title}: the table is in use by a long transaction")
            continue
        last = step
        done(step)
    while not await _partitioned(connection, table, done):
        await _pause(deadline, "partitions: the table is in use by a long transaction")


async def _partitioned(connection: Any, table: Table, done: Callable[[Step], None]) -> bool:
    """False when a lock was not to be had."""
    try:
        for name in await ensure_partitions(connection, table, datetime.now(timezone.utc), move=True):
            done(Step(f"partition {name}", ()))
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def _next(connection: Any, table: Table, wishes: plans.Wishes) -> Step | None:
    state = await plans.read_state(connection, table)
    steps = plans.full_plan(state, table, await plans.read_versions(connection, table), wishes).steps
    return steps[0] if steps else None


async def _transact(connection: Any, table: Table, wishes: plans.Wishes, step: Step) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK)
        if await _next(connection, table, wishes) != step:
            return  # a store that started meanwhile has done it
        for sql in step.sql:
            await connection.execute(sql)


async def _pause(deadline: float, why: str) -> None:
    if time.monotonic() > deadline:
        raise StoreUnavailable(f"{why}; run it again: what is done stays done")
    await asyncio.sleep(PAUSE_SECONDS)
