"""Between which values a true percentile lies, whatever the distribution: order statistics.

How many of n calls stay below the true p95 is binomial, so the places of two sorted durations can be chosen between
which it lies with 95 % confidence (https://en.wikipedia.org/wiki/Order_statistic, "Confidence intervals for
quantiles").
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

TAIL: Final = 0.025
"""How likely the true value may be beyond each of the bounds."""
_FAR: Final = 12
"""Standard deviations from the mean beyond which nothing counts."""


@lru_cache(maxsize=1_000)
def bounding_places(count: int, percent: int = 95) -> tuple[int, int]:
    """The places, from 1, of the two of `count` sorted values that bound the true percentile with 95 % confidence.

    0 and `count` + 1 stand for no bound: with fewer than 72 values, none of them is certain to be above p95.
    """
    if count <= 0:
        return 0, 1
    share = percent / 100
    reach = _FAR * (math.sqrt(count * share * (1 - share)) + 1)
    first, last = max(0, math.floor(count * share - reach)), min(count, math.ceil(count * share + reach))
    low, below = first, _probability(first, count, share)
    while below <= TAIL:
        low += 1
        below += _probability(low, count, share)
    high, above = last, _probability(last, count, share)
    while above <= TAIL:
        high -= 1
        above += _probability(high, count, share)
    return low, high + 1


def _probability(successes: int, count: int, share: float) -> float:
    """Of exactly that many."""
    ways = math.lgamma(count + 1) - math.lgamma(successes + 1) - math.lgamma(count - successes + 1)
    return math.exp(ways + successes * math.log(share) + (count - successes) * math.log1p(-share))
