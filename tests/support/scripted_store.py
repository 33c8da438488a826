"""A store that fails on cue; a mock, because no database fails on cue in all of these ways."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from slashspan.exporters.stores.errors import RowsRejected, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slashspan.exporters.rows.command_call import CommandCall


def down() -> None:
    """A `fail` for a store that cannot be reached."""
    raise StoreUnavailable("away")


class ScriptedStore:
    """Keeps what is written. `fail`: called before each write, may raise. Rows of the user `poison` are rejected."""

    address = "scripted://"

    def __init__(self, fail: Callable[[], object] = lambda: None) -> None:
        self.fail = fail
        self.batches: list[list[CommandCall]] = []
        self.tries = 0
        self.tried = threading.Event()
        self.closed = False

    @property
    def rows(self) -> list[CommandCall]:
        return [row for batch in self.batches for row in batch]

    def prepare(self, *, timeout: float) -> None:
        pass

    def write(self, rows: Sequence[CommandCall], *, timeout: float) -> None:
        self.tries += 1
        try:
            self.fail()
            if any(row.player_name == "poison" for row in rows):
                raise RowsRejected("poison")
            self.batches.append(list(rows))
        finally:
            self.tried.set()

    def close(self, *, timeout: float) -> None:
        self.closed = True
