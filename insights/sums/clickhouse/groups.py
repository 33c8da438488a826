"""Has ClickHouse sum what it can: it returns a row for each group of an hour's rows, not each row.

Which bin of a histogram a value belongs to is decided in Python, by `bin_of`, for all stores alike: two logarithms may
differ in the last digit. So ClickHouse only replaces each value by the least one of the same bin, which it finds in a
list of these; a value outside the list stays as it is.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from slashspan.insights.sums.clickhouse.tables import fingerprints
from slashspan.insights.sums.histograms import bin_of, edges_of

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUPS: Final = "sum_groups"
"""The query, whose columns `Tally.add_groups` expects in this order."""
LEAST, GREATEST = 1e-3, 1e7
"""Milliseconds. Nearly all values are between them: from a microsecond to three hours."""


def expressions(shift: int) -> Mapping[str, str]:
    """Those of the query."""
    edges = _edges()
    near = {name: _near(column, edges[0], edges[-1]) for name, column in _COLUMNS.items()}
    return {"start": fingerprints(shift)["start"], "edges": f"[{', '.join(map(repr, edges))}]", **near}


_COLUMNS: Final = {"near_duration": "duration_ms", "near_ack": "ack_ms", "near_delay": "gateway_delay_ms"}


def _near(column: str, first: float, last: float) -> str:
    size = f"abs({column})"
    return f"if({size} >= {first!r} AND {size} < {last!r}, sign({column}) * roundDown({size}, edges), {column})"


@lru_cache(maxsize=1)
def _edges() -> list[float]:
    """The least value of each bin from `LEAST` to `GREATEST`, and of the next one."""
    return [_least_of(number) for number in range(bin_of(LEAST), bin_of(GREATEST) + 1)]


def _least_of(number: int) -> float:
    value = edges_of(number)[0]
    while bin_of(value) >= number:
        value = math.nextafter(value, 0.0)
    while bin_of(value) < number:
        value = math.nextafter(value, math.inf)
    return value
