"""A document: the sums of the calls of an hour or a day, by what they have in common.

Documents are added up, never averaged: counts, histograms, first and last times, and bitmaps of users and guilds. The
histograms are logarithmic: a value is known to 1 % (DDSketch, https://arxiv.org/abs/1908.10693).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgpack
from pyroaring import BitMap

from slashspan.insights.query import PERCENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ACCURACY: Final = 0.01
"""Greatest relative error of a value that is read from a histogram."""
_GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
_PER_LOG: Final = 1 / math.log(_GAMMA)
_LEAST: Final = 1e-6
"""Milliseconds, a nanosecond. What is closer to 0 counts as 0."""
_OFFSET: Final = 1 - math.ceil(math.log(_LEAST) * _PER_LOG)


class Key(NamedTuple):
    """What the calls of a group have in common; the columns as the reports see them."""

    kind: str
    command: str
    service_name: str | None
    application_id: int | None
    environment: str
    release: str


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


@dataclass(slots=True)
class Failure:
    """Calls of a group with the same exception and outcome."""

    calls: int = 0
    first_us: int = 0
    last_us: int = 0
    users: BitMap = field(default_factory=BitMap)

    def add(self, other: Failure) -> None:
        self.first_us = min(self.first_us, other.first_us) if self.calls else other.first_us
        self.last_us = max(self.last_us, other.last_us) if self.calls else other.last_us
        self.calls += other.calls
        self.users |= other.users


class Group:
    """The sums of some calls.

    Histograms, bitmaps and failures are unpacked when they are first asked for: most reports do without.
    """

    __slots__ = (
        "_acks", "_delays", "_durations", "_failures", "_guilds", "_users", "calls", "first_us", "hours", "last_us",
        "longest", "never", "outcomes", "over_2s", "over_3s",
    )  # fmt: skip

    def __init__(self) -> None:
        self.calls = 0
        self.first_us = self.last_us = 0
        self.over_2s = self.over_3s = self.never = 0
        """Answered after 2 s or 3 s, or by an answer that Discord refused; never answered."""
        self.outcomes: Counter[str] = Counter()
        self.hours: Counter[int] = Counter()
        """Calls by the hour of the local day; empty in the document of an hour."""
        self._durations: dict[int, int] | list[list[int]] = {}
        self._acks: dict[int, int] | list[list[int]] = {}
        self._delays: dict[int, int] | list[list[int]] = {}
        self.longest: float | None = None
        self._failures: dict[tuple[str, str], Failure] | list[list[Any]] = {}
        self._users: BitMap | bytes = BitMap()
        self._guilds: BitMap | bytes = BitMap()

    @property
    def users(self) -> BitMap:
        if isinstance(self._users, bytes):
            self._users = BitMap.deserialize(self._users)
        return self._users

    @users.setter
    def users(self, value: BitMap) -> None:
        self._users = value

    @property
    def guilds(self) -> BitMap:
        if isinstance(self._guilds, bytes):
            self._guilds = BitMap.deserialize(self._guilds)
        return self._guilds

    @guilds.setter
    def guilds(self, value: BitMap) -> None:
        self._guilds = value

    @property
    def durations(self) -> dict[int, int]:
        if isinstance(self._durations, list):
            self._durations = dict(zip(*self._durations, strict=True))
        return self._durations

    @property
    def acks(self) -> dict[int, int]:
        if isinstance(self._acks, list):
            self._acks = dict(zip(*self._acks, strict=True))
        return self._acks

    @property
    def delays(self) -> dict[int, int]:
        """From Discord's timestamp to the receipt."""
        if isinstance(self._delays, list):
            self._delays = dict(zip(*self._delays, strict=True))
        return self._delays

    @property
    def failures(self) -> dict[tuple[str, str], Failure]:
        """By outcome and type."""
        if isinstance(self._failures, list):
            self._failures = {
                (outcome, type_): Failure(calls, first_us, last_us, BitMap.deserialize(users))
                for outcome, type_, calls, first_us, last_us, users in self._failures
            }
        return self._failures

    def add(self, other: Group, *, all_of_it: bool = True) -> None:
        """Add up, perhaps without delays and failures. The other one stays as it is."""
        self.first_us = min(self.first_us, other.first_us) if self.calls else other.first_us
        self.last_us = max(self.last_us, other.last_us) if self.calls else other.last_us
        self.calls += other.calls
        self.over_2s += other.over_2s
        self.over_3s += other.over_3s
        self.never += other.never
        if other.longest is not None:
            self.longest = other.longest if self.longest is None else max(self.longest, other.longest)
        self.outcomes.update(other.outcomes)
        self.hours.update(other.hours)
        add_bins(self.durations, other._durations)
        add_bins(self.acks, other._acks)
        if all_of_it:
            add_bins(self.delays, other._delays)
            for key, failure in other.failures.items():
                self.failures.setdefault(key, Failure()).add(failure)
        self.users |= other.users
        self.guilds |= other.guilds


def add_bins(total: dict[int, int], more: dict[int, int] | list[list[int]]) -> None:
    """Add a histogram, packed or not, to another."""
    get = total.get
    for number, count in zip(*more, strict=True) if isinstance(more, list) else more.items():
        total[number] = get(number, 0) + count


Document = dict[Key, Group]


def add_document(total: Document, more: Mapping[Key, Group]) -> None:
    """Add up. The other one stays as it is."""
    for key, group in more.items():
        mine = total.get(key)
        if mine is None:
            mine = total[key] = Group()
        mine.add(group)


def numbers_of(documents: Iterable[Document]) -> BitMap:
    """The numbers of all users and guilds."""
    found = BitMap()
    for document in documents:
        for group in document.values():
            found |= group.users
            found |= group.guilds
    return found


def encode(document: Document) -> tuple[int, bytes]:
    """A document for the tables, and its version: the same sums have the same."""
    packed: bytes = msgpack.packb([_packed(key, document[key]) for key in sorted(document, key=repr)])
    return int.from_bytes(blake2b(packed, digest_size=8).digest(), "big", signed=True), packed


def _packed(key: Key, group: Group) -> list[Any]:
    failures = [
        [*kind, each.calls, each.first_us, each.last_us, _bytes(each.users)]
        for kind, each in sorted(group.failures.items())
    ]
    return [
        list(key),
        [group.calls, group.first_us, group.last_us, group.over_2s, group.over_3s, group.never, group.longest],
        dict(sorted(group.outcomes.items())),
        dict(sorted(group.hours.items())),
        *(_flat(bins) for bins in (group.durations, group.acks, group.delays)),
        failures,
        _bytes(group.users),
        _bytes(group.guilds),
    ]


def _bytes(bitmap: BitMap) -> bytes:
    bitmap.run_optimize()
    return bytes(bitmap.serialize())


def _flat(bins: Mapping[int, int]) -> list[list[int]]:
    numbers = sorted(bins)
    return [numbers, [bins[number] for number in numbers]]


def decode(data: bytes) -> Document:
    """The inverse of `encode`."""
    document: Document = {}
    for key, counts, outcomes, hours, durations, acks, delays, failures, users, guilds in msgpack.unpackb(
        data, strict_map_key=False
    ):
        group = Group()
        group.calls, group.first_us, group.last_us, group.over_2s, group.over_3s, group.never, group.longest = counts
        group.outcomes, group.hours = Counter(outcomes), Counter(hours)
        group._durations, group._acks, group._delays, group._failures = durations, acks, delays, failures
        group._users, group._guilds = users, guilds
        document[Key(*key)] = group
    return document
