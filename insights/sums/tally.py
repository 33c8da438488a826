"""Rows → documents by hour. The same for every store, and for rows that are not summed yet.

ClickHouse may have grouped the rows before: `add_groups` makes the same of its groups as `add` of their rows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap

from slashspan.insights.sums.documents import Document, Failure, Group, Key
from slashspan.insights.sums.histograms import add_counts, bin_of
from slashspan.semconv import Outcome
from slashspan.sum_tables import HOUR

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence
    from typing import TypeVar

    V = TypeVar("V", bound=Hashable)
    Counts = tuple[Sequence[V], Sequence[int]]
    """Values and how often each is there."""

_SUMS: Final = 11
"""Columns of a group between its last call and its key."""
_bin_of: Final = lru_cache(maxsize=8_192)(bin_of)
"""For values that come again and again."""


class Tally:
    """Sums of rows, with users and guilds by id."""

    def __init__(self, shift: int) -> None:
        self.shift = shift
        self._hours: dict[int, dict[tuple[Any, ...], _Group]] = {}

    def add(self, rows: Iterable[Any]) -> int:
        """Add rows of the query `snapshot.ROWS`; returns their number."""
        hours, shift, count = self._hours, self.shift, 0
        for row in rows:
            count += 1
            at_us, user, guild, outcome, error_type, duration, ack, delay, *key = row
            second = at_us // 1_000_000
            start = second - (second - shift) % HOUR
            groups = hours.get(start)
            if groups is None:
                groups = hours[start] = {}
            group = groups.get(identity := tuple(key))
            if group is None:
                group = groups[identity] = _Group(at_us)
            group.add(at_us, user, guild, outcome, error_type, duration, ack, delay)
        return count

    def add_groups(self, groups: Iterable[Any]) -> int:
        """Add rows of the query `clickhouse.groups.GROUPS`; returns the number of calls."""
        count = 0
        for start, calls, first_us, last_us, *sums_and_key in groups:
            sums, key = sums_and_key[:_SUMS], tuple(sums_and_key[_SUMS:])
            count += calls
            hour = self._hours.setdefault(start, {})
            group = hour.get(key)
            if group is None:
                group = hour[key] = _Group(first_us)
            group.add_group(calls, first_us, last_us, *sums)
        return count

    def __bool__(self) -> bool:
        return bool(self._hours)

    @property
    def starts(self) -> set[int]:
        """The seconds since 1970 at which the hours with rows began."""
        return set(self._hours)

    def drop(self, starts: Iterable[int]) -> None:
        """Forget these hours."""
        for start in starts:
            self._hours.pop(start, None)

    @property
    def ids(self) -> set[int]:
        """The ids of all users and guilds."""
        found: set[int] = set()
        for groups in self._hours.values():
            for group in groups.values():
                found |= group.users
                found |= group.guilds
        return found

    def documents(self, numbers: Mapping[int, int]) -> dict[int, Document]:
        """By the second at which the hour began; `numbers` has all `ids`."""
        return {
            start: {Key(*key): group.numbered(numbers) for key, group in groups.items()}
            for start, groups in self._hours.items()
        }


def numbers_for_all(ids: Iterable[int], known: Mapping[int, int]) -> dict[int, int]:
    """The known numbers of ids, and for the others some that no id in the tables has."""
    missing = (each for each in sorted(ids) if each not in known)
    return {**known, **{each: 2**32 - 1 - place for place, each in enumerate(missing)}}


class _Group:
    __slots__ = ("acks", "delays", "durations", "failures", "guilds", "sums", "users")

    def __init__(self, at_us: int) -> None:
        self.sums = Group()
        self.sums.first_us = self.sums.last_us = at_us
        self.durations: dict[int, int] = {}
        self.acks: dict[int, int] = {}
        self.delays: dict[int, int] = {}
        self.users: set[int] = set()
        self.guilds: set[int] = set()
        self.failures: dict[tuple[str, str], tuple[Failure, set[int]]] = {}

    def add(
        self,
        at_us: int,
        user: int | None,
        guild: int | None,
        outcome: str,
        error_type: str | None,
        duration: float | None,
        ack: float | None,
        delay: float | None,
    ) -> None:
        sums = self.sums
        sums.calls += 1
        if at_us > sums.last_us:
            sums.last_us = at_us
        elif at_us < sums.first_us:
            sums.first_us = at_us
        sums.outcomes[outcome] = sums.outcomes.get(outcome, 0) + 1
        if user is not None:
            self.users.add(user)
        if guild is not None:
            self.guilds.add(guild)
        if duration is not None:
            number = bin_of(duration)
            self.durations[number] = self.durations.get(number, 0) + 1
            if sums.longest is None or duration > sums.longest:
                sums.longest = duration
        expired = outcome == Outcome.EXPIRED
        if ack is not None:
            number = bin_of(ack)
            self.acks[number] = self.acks.get(number, 0) + 1
        elif not expired:
            sums.never += 1
        if expired or (ack is not None and ack > 2000):
            sums.over_2s += 1
            sums.over_3s += expired or (ack is not None and ack > 3000)
        if delay is not None:
            number = bin_of(delay)
            self.delays[number] = self.delays.get(number, 0) + 1
        if error_type is not None or outcome == Outcome.ERROR:
            self._fail(at_us, user, outcome, error_type or "")

    def add_group(
        self,
        calls: int,
        first_us: int,
        last_us: int,
        over_2s: int,
        over_3s: int,
        never: int,
        longest: float | None,
        outcomes: Counts[str],
        durations: Counts[float],
        acks: Counts[float],
        delays: Counts[float],
        users: Sequence[int],
        guilds: Sequence[int],
        failures: Iterable[tuple[str, str, int, int | None]],
    ) -> None:
        """Add calls; `failures` has the outcome, type, time and user of each that failed."""
        sums = self.sums
        sums.calls += calls
        sums.first_us = min(sums.first_us, first_us)
        sums.last_us = max(sums.last_us, last_us)
        sums.over_2s += over_2s
        sums.over_3s += over_3s
        sums.never += never
        if longest is not None and (sums.longest is None or longest > sums.longest):
            sums.longest = longest
        add_counts(sums.outcomes, zip(*outcomes, strict=True))
        for total, (values, counts) in ((self.durations, durations), (self.acks, acks), (self.delays, delays)):
            add_counts(total, zip(map(_bin_of, values), counts, strict=True))
        self.users.update(users)
        self.guilds.update(guilds)
        for outcome, error_type, at_us, user in failures:
            self._fail(at_us, user, outcome, error_type)

    def _fail(self, at_us: int, user: int | None, outcome: str, error_type: str) -> None:
        failure, users = self.failures.setdefault((outcome, error_type), (Failure(0, at_us, at_us), set()))
        failure.calls += 1
        failure.first_us = min(failure.first_us, at_us)
        failure.last_us = max(failure.last_us, at_us)
        if user is not None:
            users.add(user)

    def numbered(self, numbers: Mapping[int, int]) -> Group:
        sums = self.sums
        sums.durations, sums.acks, sums.delays = self.durations, self.acks, self.delays
        number_of = numbers.__getitem__
        sums.users = BitMap(map(number_of, self.users))
        sums.guilds = BitMap(map(number_of, self.guilds))
        for failure, users in self.failures.values():
            failure.users = BitMap(map(number_of, users))
        sums.failures = {key: failure for key, (failure, _) in self.failures.items()}
        return sums
