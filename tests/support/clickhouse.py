"""Where ClickHouse's engine is, and a client."""

from __future__ import annotations

import contextlib
import sysconfig
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect

from slashspan.dsn import Dsn
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES: Final = ROOT / ".cache" / "clickhouse"
"""Where `make clickhouse` installs chdb, which is half a gigabyte."""
MISSING: Final = "chdb is not installed for this Python: make clickhouse"


def installed() -> bool:
    """For this version of Python: one of the packages is compiled for it."""
    compiled = f"cityhash{sysconfig.get_config_var('EXT_SUFFIX')}"
    return (PACKAGES / "chdb").is_dir() and (PACKAGES / "clickhouse_cityhash" / compiled).is_file()


@contextlib.contextmanager
def client_of(dsn: str) -> Iterator[Any]:
    """A client of clickhouse-connect in the DSN's database, which must exist."""
    parsed = Dsn.parse(dsn)
    client = clickhouse_connect.get_client(**parsed.connect_arguments(), database=parsed.database)
    try:
        yield client
    finally:
        client.close()
