"""A document: the sums of the calls of an hour or a day, by what they have in common.

Documents are added up, never averaged: counts, histograms, first and last times, and bitmaps of users and guilds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack
from pyroaring import BitMap

from slashspan.insights.sums.histograms import Bins, Packed, add_counts, add_up, pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Key(NamedTuple):
    """What the calls of a group have in common; the columns as the reports see them."""

    kind: str
    command: str
    service_name: str | None
    application_id: int | None
    environment: str
    release: str


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

    Histograms, bitmaps and failures are kept in parts, packed or not, until they are first asked for: most reports do
    without, and many parts are added up faster at once than one after the other.
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
        self.outcomes: dict[str, int] = {}
        self.hours: dict[int, int] = {}
        """Calls by the hour of the local day; empty in the document of an hour."""
        self.longest: float | None = None
        self._durations: list[Bins | Packed] = []
        self._acks: list[Bins | Packed] = []
        self._delays: list[Bins | Packed] = []
        self._failures: list[_Failures | list[list[Any]]] = []
        self._users: list[BitMap | bytes] = []
        self._guilds: list[BitMap | bytes] = []

    @property
    def users(self) -> BitMap:
        """By number. Not to be changed: other groups may have the same; nor are the other ones below."""
        return _united(self._users)

    @users.setter
    def users(self, value: BitMap) -> None:
        self._users = [value]

    @property
    def guilds(self) -> BitMap:
        return _united(self._guilds)

    @guilds.setter
    def guilds(self, value: BitMap) -> None:
        self._guilds = [value]

    @property
    def durations(self) -> Bins:
        return _added_up(self._durations)

    @durations.setter
    def durations(self, value: Bins) -> None:
        self._durations = [value]

    @property
    def acks(self) -> Bins:
        return _added_up(self._acks)

    @acks.setter
    def acks(self, value: Bins) -> None:
        self._acks = [value]

    @property
    def delays(self) -> Bins:
        """From Discord's timestamp to the receipt."""
        return _added_up(self._delays)

    @delays.setter
    def delays(self, value: Bins) -> None:
        self._delays = [value]

    @property
    def failures(self) -> _Failures:
        """By outcome and type."""
        parts = self._failures
        if len(parts) != 1 or not isinstance(parts[0], dict):
            total: _Failures = {}
            for part in parts:
                for key, failure in (part if isinstance(part, dict) else _unpacked(part)).items():
                    total.setdefault(key, Failure()).add(failure)
            parts[:] = [total]
            return total
        return parts[0]

    @failures.setter
    def failures(self, value: _Failures) -> None:
        self._failures = [value]

    def failed_with(self) -> set[tuple[str, str]]:
        """The outcomes and types of `failures`, which stay packed."""
        return {(key[0], key[1]) for part in self._failures for key in part}

    def add(self, other: Group) -> None:
        """Add up. The other one stays as it is."""
        self.first_us = min(self.first_us, other.first_us) if self.calls else other.first_us
        self.last_us = max(self.last_us, other.last_us) if self.calls else other.last_us
        self.calls += other.calls
        self.over_2s += other.over_2s
        self.over_3s += other.over_3s
        self.never += other.never
        if other.longest is not None:
            self.longest = other.longest if self.longest is None else max(self.longest, other.longest)
        add_counts(self.outcomes, other.outcomes.items())
        add_counts(self.hours, other.hours.items())
        self._durations += other._durations
        self._acks += other._acks
        self._delays += other._delays
        self._failures += other._failures
        self._users += other._users
        self._guilds += other._guilds


_Failures = dict[tuple[str, str], Failure]


def _united(parts: list[BitMap | bytes]) -> BitMap:
    """All parts together, which are then the only one."""
    if len(parts) == 1 and isinstance(parts[0], BitMap):
        return parts[0]
    found = [BitMap.deserialize(part) if isinstance(part, bytes) else part for part in parts]
    total = found[0] if len(found) == 1 else BitMap.union(BitMap(), *found)
    parts[:] = [total]
    return total


def _added_up(parts: list[Bins | Packed]) -> Bins:
    """The same for histograms."""
    if len(parts) == 1 and isinstance(parts[0], dict):
        return parts[0]
    total = add_up(parts)
    parts[:] = [total]
    return total


def _unpacked(failures: list[list[Any]]) -> _Failures:
    return {
        (outcome, type_): Failure(calls, first_us, last_us, BitMap.deserialize(users))
        for outcome, type_, calls, first_us, last_us, users in failures
    }


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
        *map(pack, (group.durations, group.acks, group.delays)),
        failures,
        _bytes(group.users),
        _bytes(group.guilds),
    ]


def _bytes(bitmap: BitMap) -> bytes:
    bitmap.run_optimize()
    return bytes(bitmap.serialize())


def decode(data: bytes) -> Document:
    """The inverse of `encode`."""
    document: Document = {}
    for key, counts, outcomes, hours, durations, acks, delays, failures, users, guilds in msgpack.unpackb(
        data, strict_map_key=False
    ):
        group = Group.__new__(Group)  # a document has many
        group.calls, group.first_us, group.last_us, group.over_2s, group.over_3s, group.never, group.longest = counts
        group.outcomes, group.hours = outcomes, hours
        group._durations, group._acks, group._delays, group._failures = [durations], [acks], [delays], [failures]
        group._users, group._guilds = [users], [guilds]
        document[Key(*key)] = group
    return document
