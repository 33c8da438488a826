"""Histograms are added up exactly, however they are packed."""

from __future__ import annotations

from collections import Counter

import msgpack
from hypothesis import example, given
from hypothesis import strategies as st

from slashspan.insights.sums.histograms import WIDEST, add_up, pack

COUNTS = st.one_of(st.integers(1, 300), st.integers(1, 2**40))
NEAR = st.dictionaries(st.integers(-20, 60), COUNTS, max_size=60)
ANYWHERE = st.dictionaries(st.integers(-40_000, 40_000), COUNTS, max_size=8)


@given(st.lists(st.tuples(st.one_of(NEAR, ANYWHERE), st.booleans()), max_size=12))
@example([({1: 255, 2: 1}, True), ({1: 256}, True), ({WIDEST * 2: 65_536}, True)])
@example([(dict.fromkeys(range(9), 7), True), (dict.fromkeys(range(-5, 3), 2**33), True), ({4: 1}, False)])
def test_the_sum_of_packed_histograms_is_the_sum_of_their_counts(parts: list[tuple[dict[int, int], bool]]) -> None:
    expected: Counter[int] = Counter()
    for bins, _ in parts:
        expected.update(bins)
    stored = [msgpack.unpackb(msgpack.packb(pack(bins))) if packed else bins for bins, packed in parts]
    assert add_up(stored) == dict(expected)
    assert all(add_up([each]) == bins for each, (bins, _) in zip(stored, parts, strict=True))
