"""`SLASHSPAN_DSN`: the one place where a DSN is parsed, masked and turned into a driver's arguments."""

from __future__ import annotations

from typing import Final

from slashspan.dsn.shown import CHOICES, HOW_TO_ENCODE, mask_dsn
from slashspan.dsn.value import CLICKHOUSE, DEFAULT_PORT, POSTGRESQL, SQLITE, Dsn

__all__ = [
    "CHOICES",
    "CLICKHOUSE",
    "CLICKHOUSE_EXTRA",
    "DEFAULT_PORT",
    "HOW_TO_ENCODE",
    "POSTGRESQL",
    "POSTGRESQL_EXTRA",
    "SQLITE",
    "Dsn",
    "mask_dsn",
]

POSTGRESQL_EXTRA: Final = "pip install 'slashspan[postgresql]'"
CLICKHOUSE_EXTRA: Final = "pip install 'slashspan[clickhouse]'"
