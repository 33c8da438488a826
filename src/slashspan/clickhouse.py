"""Connects to ClickHouse, for what reads it and what manages it, and says what went wrong."""

from __future__ import annotations

import contextlib
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from slashspan.dsn import CLICKHOUSE_EXTRA
from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slashspan.dsn import Dsn

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 600.0
"""How long a statement may take, such as one that changes a large table."""
_SERVERS_WORDS: Final = re.compile(r"Code: \d+\. (?:DB::Exception: )?(.*?)(?: \(for url [^()]*\))?", re.DOTALL)


class ClickhouseError(Exception):
    """ClickHouse could not be reached, or refused a statement. The message contains no password."""

    def __init__(self, dsn: Dsn, error: Exception) -> None:
        self.code: int | None = getattr(error, "code", None)
        """ClickHouse's number of the error; None if there was no answer."""
        self.cause: BaseException = _root(error)
        """What Python says, such as a ConnectionRefusedError."""
        found = re.search(r"Code: \d+\. .*", str(error), re.DOTALL)
        server = found and _SERVERS_WORDS.fullmatch(found[0])
        words = server[1] if server else str(self.cause) or type(self.cause).__name__
        super().__init__(f"{dsn}: {dsn.redact(words)}")


@contextlib.contextmanager
def connected(dsn: Dsn, *, seconds: float = ANSWER_SECONDS) -> Iterator[Any]:
    """A client of clickhouse-connect for `dsn`, in no database; in this block, its errors become ClickhouseError.

    `seconds`: how long to wait for each answer. Several threads may use it. Raises ConfigurationError without the
    package.
    """
    try:
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError
    except ModuleNotFoundError as error:
        if error.name != "clickhouse_connect":
            raise
        raise ConfigurationError(f"SLASHSPAN_DSN={dsn.masked!r} needs an extra: {CLICKHOUSE_EXTRA}") from None
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())  # what it logs is also raised
    client = None
    try:
        client = clickhouse_connect.get_client(
            **dsn.connect_arguments(),
            client_name="slashspan",
            autogenerate_session_id=False,  # queries of a session must not run at the same time
            connect_timeout=dsn.connect_timeout or CONNECT_SECONDS,
            send_receive_timeout=seconds,
        )
        yield client
    except (DriverError, OSError) as error:
        raise ClickhouseError(dsn, error) from error
    finally:
        if client is not None:
            client.close()


def _root(error: BaseException) -> BaseException:
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error
