"""The seam between the exporter and a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporters.rows.command_call import CommandCall


class Store(Protocol):
    """Where rows end up. Built without I/O; every method blocks its caller's thread, never an event loop.

    Methods are called from one thread at a time, not always the same one. Besides the errors named they raise nothing.
    """

    @property
    def address(self) -> str:
        """The DSN for people: no password in it."""

    def prepare(self, *, timeout: float) -> None:
        """Connect, and create the table or check the one that is there, within `timeout` seconds.

        Raises StoreUnavailable, or SchemaMismatch when the table is something else.
        """

    def write(self, rows: Sequence[CommandCall], *, timeout: float) -> None:
        """Commit all rows in one transaction within `timeout` seconds; rows that are there already stay as they are.

        Connects and prepares by itself where needed. Raises StoreUnavailable (the rows may or may not be there: write
        them again), RowsRejected or SchemaMismatch; then nothing of this batch is known to be stored.
        """

    def close(self, *, timeout: float) -> None:
        """Let go of the connection within `timeout` seconds. A later call of any method opens it again."""
