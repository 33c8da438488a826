"""Interprets errors of PostgreSQL: whether rows caused them, and a description without any value of a row.

The server quotes values in its DETAIL ("Failing row contains (…)"), in messages about data, and in what triggers raise.
SQLSTATE, constraint and column name contain none (https://www.postgresql.org/docs/current/protocol-error-fields.html).
"""

from __future__ import annotations

import asyncio
from concurrent import futures
from typing import TYPE_CHECKING, Final

import asyncpg

from slashspan.exporters.rows.misfits import misfit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slashspan.exporters.rows.command_call import CommandCall

REFUSING_CLASSES: Final = ("22", "23", "54", "P0")
"""SQLSTATE classes of rejected rows: data exceptions, constraints, limits, errors raised by triggers."""
_ENCODING_STATES: Final = ("22021", "22P05")
"""SQLSTATE of a character that the database's encoding lacks."""
_QUOTE_NOTHING: Final = ("08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58")
"""SQLSTATE classes whose messages are about connections, names, privileges and resources."""


def refuses_rows(error: BaseException) -> bool:
    """Whether the server, or the driver during encoding, rejected rows; otherwise the database is unavailable."""
    state = getattr(error, "sqlstate", None)
    if state is None:
        return isinstance(error, (ValueError, TypeError, OverflowError)) and not isinstance(error, OSError)
    return state[:2] in REFUSING_CLASSES


def row_fault(error: BaseException, rows: Iterable[CommandCall]) -> str | None:
    """Why a row caused the error; None if the table did: a constraint, column or trigger of its owner."""
    if column := misfit(rows):
        return f"column {column} holds a value that PostgreSQL cannot store ({describe(error)})"
    if getattr(error, "sqlstate", None) in _ENCODING_STATES and not _from_a_function(error):
        return f"a character that the database's encoding lacks ({describe(error)})"
    return None


def describe(error: BaseException) -> str:
    """A description for logs. The caller has to redact passwords."""
    if isinstance(error, (TimeoutError, asyncio.TimeoutError, futures.TimeoutError)):
        return "no answer in time"
    if not isinstance(error, asyncpg.PostgresError) or error.sqlstate is None:
        return str(error) or type(error).__name__
    quotes = error.sqlstate[:2] not in _QUOTE_NOTHING or _from_a_function(error)
    parts = [f"SQLSTATE {error.sqlstate}"]
    parts += [
        f"{what} {name}"
        for what in ("constraint", "column")
        if (name := getattr(error, f"{what}_name", None)) is not None
    ]
    message = type(error).__name__ if quotes or not error.args else error.args[0]
    return f"{message} ({', '.join(parts)})"


def _from_a_function(error: BaseException) -> bool:
    """Whether a trigger, or a function in a constraint, raised it."""
    return "function" in (getattr(error, "context", None) or "")
