"""Where ClickHouse's engine is, and a client."""

from __future__ import annotations

import sys
from typing import Any, Final

from tests.support import ROOT

PACKAGES: Final = ROOT / ".cache" / "clickhouse"
"""Where `make clickhouse` installs chdb, which is half a gigabyte."""
MISSING: Final = "chdb is not installed: make clickhouse"


def installed() -> bool:
    return all((PACKAGES / name).is_dir() for name in ("chdb", "clickhouse_cityhash"))


def connect(**arguments: Any) -> Any:
    """A client of clickhouse-connect."""
    if str(PACKAGES) not in sys.path:
        sys.path.append(str(PACKAGES))
    import clickhouse_connect

    return clickhouse_connect.get_client(**arguments)
