"""The bounds of a percentile are as close as 95 % confidence allows, and the same from rows and from sums."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slashspan.insights.quantiles import bounding_places
from slashspan.insights.sums.histograms import bin_of, edges_of, value_of

P95 = Fraction(19, 20)
TAIL = Fraction(1, 40)


def exact(count: int) -> tuple[int, int]:
    """By the definition, in whole numbers: the highest and the lowest place that leave at most 2.5 % beyond them."""
    chances = [math.comb(count, k) * P95**k * (1 - P95) ** (count - k) for k in range(count + 1)]
    low = max(place for place in range(count + 1) if sum(chances[:place]) <= TAIL)
    high = min(place for place in range(count + 2) if sum(chances[place:]) <= TAIL)
    return low, high


@pytest.mark.parametrize("count", [0, 1, 2, 10, 71, 72, 73, 100, 150, 299])
def test_the_places_are_those_of_the_binomial_distribution(count: int) -> None:
    assert bounding_places(count) == exact(count)


def test_with_many_values_the_places_are_those_of_the_normal_distribution() -> None:
    for count in (10**5, 10**6, 10**7):
        half = 1.959963984540054 * math.sqrt(count * 0.95 * 0.05)
        low, high = bounding_places(count)
        assert abs(low - (0.95 * count - half)) < 2
        assert abs(high - (0.95 * count + half)) < 2


def test_few_values_have_no_upper_bound() -> None:
    assert [bounding_places(count)[1] <= count for count in (71, 72)] == [False, True]


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_the_edges_of_a_bin_enclose_its_values(value: float) -> None:
    low, high = edges_of(bin_of(value))
    assert low <= high
    assert low <= value * (1 + math.copysign(1e-12, value)) + 1e-12
    assert high >= value * (1 - math.copysign(1e-12, value)) - 1e-12
    assert high - low <= 0.0203 * max(abs(low), abs(high)) or max(abs(low), abs(high)) <= 1.1e-6


@given(st.integers(min_value=-3_000, max_value=3_000))
def test_the_value_of_a_bin_is_in_it(number: int) -> None:
    assert bin_of(value_of(number)) == number
