"""The interface between the exporter and a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.exporters.rows.command_call import CommandCall


class Store(Protocol):
    """Where rows are stored. Constructed without I/O. Every method blocks the calling thread: not for event loops.

    Methods are called from one thread at a time, not always the same one. They raise only the errors named here.
    """

    @property
    def address(self) -> str:
        """The DSN to display, without the password."""

    def prepare(self, *, timeout: float) -> None:
        """Connect, and create the table or check the existing one, within `timeout` seconds.

        Raises StoreUnavailable, or SchemaMismatch if the table is not ours.
        """

    def write(self, rows: Sequence[CommandCall], *, timeout: float) -> None:
        """Commit all rows in one transaction within `timeout` seconds; rows that are already stored stay unchanged.

        Connects and prepares first if needed. Raises StoreUnavailable (the rows may or may not have been stored: write
        them again), RowsRejected or SchemaMismatch; after an error no row of the batch may be considered stored.
        """

    def close(self, *, timeout: float) -> None:
        """Close the connection within `timeout` seconds. A later call of any method opens it again."""
