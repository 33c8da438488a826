"""The file that has the sums, and what its state is."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slashspan.insights.readers.base import ReadError
from slashspan.sum_tables import FORMAT, SumTables, sqlite_triggers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slashspan.insights.sums.status import Zones
    from slashspan.table import Table


@dataclass(frozen=True, slots=True)
class State:
    """The row of the table of the state."""

    format: int
    shift: int
    zones: Zones
    watermark: int
    generation: int
    strange: bool


class SumsFile:
    """One connection that writes."""

    def __init__(self, path: Path, table: Table, lock_seconds: float) -> None:
        """Raises ReadError if there is no such file."""
        self._path = path
        self.table = table
        self.names = SumTables(table)
        with self.as_read_error():
            if not path.is_file():
                raise ReadError(f"{path} does not exist")
            uri = f"{path.resolve().as_uri()}?mode=rw"
            self.connection = sqlite3.connect(uri, uri=True, timeout=lock_seconds, isolation_level=None)
            self.connection.text_factory = lambda data: data.decode("utf-8", "replace")

    def close(self) -> None:
        self.connection.close()

    def one(self, sql: str, *values: Any) -> Any:
        """The first row; None if there is none."""
        return self.connection.execute(sql, values).fetchone()

    @contextlib.contextmanager
    def transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        self.connection.execute(begin)
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def as_read_error(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise ReadError(f"{self._path}: {error}") from error

    def state(self) -> State | None:
        """None if they are not there, or if the triggers are not as they were made."""
        found = dict(
            self.connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND type = 'trigger'", (self.table.name,)
            )
        )
        known = self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = {f'"{row[0]}"' for row in known}
        if not {*self.names.every, self.table.quoted} <= tables:
            return None
        row = self.one(f"SELECT format, shift, zones, watermark, generation, strange FROM {self.names.state}")
        if row is None or not sqlite_triggers(self.names, row[1]).items() <= found.items():
            return None
        return State(row[0], row[1], json.loads(row[2]), row[3], row[4], bool(row[5]))

    def installed(self) -> State:
        """The state of sums that can be refreshed. Raises ReadError."""
        state = self.state()
        if state is None or state.format != FORMAT:
            raise ReadError(f"there are no sums of {self.table}: run `slashspan rollup build`")
        return state
