"""Logarithmic histograms: a value is known to 1 % (DDSketch, https://arxiv.org/abs/1908.10693).

A histogram is a dict of counts by the number of their bin; in a document it is packed, and added up as it is.
"""

from __future__ import annotations

import math
import struct
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.query import PERCENTS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import TypeVar

    H = TypeVar("H", bound=Hashable)

ACCURACY: Final = 0.01
"""Greatest relative error of a value that is read from a histogram."""
WIDEST: Final = 4_096
"""Bins between the least and the greatest value of histograms that are added up side by side."""
_GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
_PER_LOG: Final = 1 / math.log(_GAMMA)
_LEAST: Final = 1e-6
"""Milliseconds, a nanosecond. What is closer to 0 counts as 0."""
_OFFSET: Final = 1 - math.ceil(math.log(_LEAST) * _PER_LOG)
_CODES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""Of `struct`, by the bytes that a count takes."""
_NUMBER_BYTES: Final = 3
"""That the number of a bin takes in MessagePack, mostly."""

Bins = dict[int, int]
Packed = list[Any]
"""`[first number, bytes of a count, all counts from there on]`, or `[numbers, counts]` where most would be zeros."""


def bin_of(value: float) -> int:
    """The number of a value's bin. Bins are in the order of their values."""
    size = abs(value)
    if size < _LEAST:
        return 0 if value >= 0 else -1
    number = math.ceil(math.log(size) * _PER_LOG) + _OFFSET
    return number if value > 0 else -number


def value_of(number: int) -> float:
    """The value in the middle of a bin."""
    if number == 0:
        return 0.0
    size = 2 * _GAMMA ** (abs(number) - _OFFSET) / (_GAMMA + 1)
    return size if number > 0 else -size


def edges_of(number: int) -> tuple[float, float]:
    """The least and the greatest value of a bin."""
    if number == 0:
        return 0.0, _LEAST
    near, far = (_GAMMA ** (abs(number) - _OFFSET - step) for step in (1, 0))
    if number == -1:  # what is below 0 by less than anything else
        near = 0.0
    return (near, far) if number > 0 else (-far, -near)


_STEP: Final = 16
"""Bins of sums in a step of the report `duration_histogram`."""
_STEPS: Final = 50
_FIRST: Final = bin_of(0.1)


def histogram_edges() -> list[float]:
    """The greatest value of each step but the last, in milliseconds: all of them are edges of bins."""
    return [edges_of(_FIRST + step * _STEP)[1] for step in range(_STEPS + 1)]


def histogram(bins: Mapping[int, int]) -> dict[int, int]:
    """The number of values in each step."""
    found: dict[int, int] = {}
    add_counts(found, ((min(max(0, -(-(bin_ - _FIRST) // _STEP)), _STEPS + 1), n) for bin_, n in bins.items()))
    return found


def nearest_ranks(bins: Mapping[int, int]) -> list[float] | None:
    """The percentiles `PERCENTS`, as the queries' `nearest_ranks`; None without values."""
    total = sum(bins.values())
    if not total:
        return None
    found: list[float] = []
    seen = 0
    wanted = [-(-total * percent // 100) for percent in PERCENTS]
    for number in sorted(bins):
        seen += bins[number]
        while len(found) < len(wanted) and seen >= wanted[len(found)]:
            found.append(value_of(number))
    return found


def at_place(bins: Mapping[int, int], place: int) -> float | None:
    """The value at this place, from 1, of all in their order; None if there is none."""
    seen = 0
    for number in sorted(bins):
        seen += bins[number]
        if 0 < place <= seen:
            return value_of(number)
    return None


def pack(bins: Mapping[int, int]) -> Packed:
    """For a document."""
    if not bins:
        return [[], []]
    numbers = sorted(bins)
    first, span = numbers[0], numbers[-1] + 1 - numbers[0]
    top = max(bins.values())
    width = next(size for size in _CODES if top < 256**size)
    if span * width > len(numbers) * (_NUMBER_BYTES + width):
        return [numbers, [bins[number] for number in numbers]]
    counts = map(bins.get, range(first, first + span), repeat(0))
    return [first, width, struct.pack(f"<{span}{_CODES[width]}", *counts)]


def add_up(parts: Iterable[Bins | Packed]) -> Bins:
    """The sum of histograms, in a new dict."""
    total: Bins = {}
    runs: list[tuple[int, Sequence[int]]] = []
    for part in parts:
        if isinstance(part, dict):
            add_counts(total, part.items())
        elif len(part) == 2:  # numbers and counts
            add_counts(total, zip(*part, strict=True))
        else:
            first, width, data = part
            runs.append((first, struct.unpack(f"<{len(data) // width}{_CODES[width]}", data)))
    if not runs:
        return total
    low, high = min(first for first, _ in runs), max(first + len(counts) for first, counts in runs)
    if high - low > WIDEST:
        for first, counts in runs:
            add_counts(total, enumerate(counts, first))
        return {number: count for number, count in total.items() if count}
    padded = [(0,) * (first - low) + tuple(counts) + (0,) * (high - first - len(counts)) for first, counts in runs]
    sums = enumerate(map(sum, zip(*padded, strict=True)), low)
    add_counts(total, ((number, count) for number, count in sums if count))
    return total


def add_counts(total: dict[H, int], more: Iterable[tuple[H, int]]) -> None:
    """Add counts to others."""
    get = total.get
    for key, count in more:
        total[key] = get(key, 0) + count
