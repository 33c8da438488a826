"""Sums of the rows: one document for each hour and day, from which the reports are answered without reading the rows.

`slashspan rollup` makes and checks them; `open_sums` is for programs. Readers use them without being asked.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Protocol

from slashspan.dsn import Dsn
from slashspan.errors import ConfigurationError
from slashspan.insights.sums.reader import ROLLUP_EXTRA
from slashspan.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from slashspan.insights.sums.status import Status

__all__ = ["Sums", "open_sums"]

LOCK_SECONDS: Final = 120.0


class Sums(Protocol):
    """The sums of one table, for a `with` block. Methods block the thread, and raise ReadError."""

    def status(self) -> Status:
        """What there is."""

    def install(self, zone: str) -> bool:
        """Create the tables and triggers, if they are missing, out of date or were tampered with; whether they were.

        From then on writing a row costs a little more. Hours begin as they do in `zone`, whose days get documents.
        """

    def add_zone(self, zone: str, done: Callable[[int], None]) -> None:
        """Also keep documents of the days of this zone. `done` gets the number of days after each step.

        Raises ConfigurationError if its hours do not begin when those of the sums do.
        """

    def pending(self) -> int:
        """How much a refresh has to do, in the unit that it reports."""

    def refresh(self, done: Callable[[int], None] = ..., *, seconds: float = ...) -> int:
        """Sum what has changed; returns how much. Several processes may do it at once.

        `done` gets how much was done, after each step. No step begins after `seconds`.
        """

    def verify(self, done: Callable[[int], None] = ...) -> list[str]:
        """Compare with the rows; each difference as a line of text. What is waiting for a refresh is left out."""

    def collect(self) -> int:
        """Erase the ids of users and guilds that are in no sum any more; their number. After a refresh."""

    def remove(self) -> None:
        """Remove the tables and triggers."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_sums(dsn: Dsn | str, *, table: str = "command_calls", lock_seconds: float = LOCK_SECONDS) -> Sums:
    """The sums of a table, whether there are any or not. Raises ConfigurationError without pyroaring.

    `lock_seconds`: how long to wait for others who write the sums or, in SQLite, anything. ClickHouse has no locks.
    """
    if find_spec("pyroaring") is None:
        raise ConfigurationError(f"sums need an extra: {ROLLUP_EXTRA}")
    dsn = Dsn.parse(dsn)
    named = Table.parse(table, schemas=dsn.has_schemas)
    if dsn.is_sqlite:
        from slashspan.insights.sums.sqlite import SqliteSums

        return SqliteSums(dsn.path, named, lock_seconds)
    if dsn.is_clickhouse:
        from slashspan.insights.sums.clickhouse.sums import ClickhouseSums

        return ClickhouseSums(dsn, named)
    from slashspan.insights.sums.postgres import PostgresSums

    return PostgresSums(dsn, named, lock_seconds)
