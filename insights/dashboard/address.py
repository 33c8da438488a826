"""The page's address is its whole state: what is shown can be bookmarked and sent to somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from slashspan.errors import ConfigurationError
from slashspan.insights.filters import ALL_KINDS, Filters, parse_moment
from slashspan.insights.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    class Query(Protocol):
        """A parsed query string."""

        def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]: ...


SINCE: Final = "7d"
PERIODS: Final = ("24h", "7d", "30d", "90d")
_TEXTS: Final[Mapping[str, str]] = {
    "command": "commands",
    "kind": "kinds",
    "environment": "environments",
    "release": "releases",
    "bot": "bots",
}
_NUMBERS: Final[Mapping[str, str]] = {"guild": "guilds", "shard": "shards", "user": "users"}
FAILED: Final = "failed"
_SINGLE: Final = ("since", "until", "zone", "calls", "before", "after")
"""Of these there is one. `calls=failed`: only those that failed are in the list of the latest calls. `before`, `after`:
two releases that are compared."""
NAMES: Final = (*_SINGLE, *_TEXTS, *_NUMBERS)


StoredIds = Callable[[int], Iterable[int]]


def as_it_is(user: int) -> Iterable[int]:
    """The id of a user whose id is neither hashed nor dropped."""
    return (user,)


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter, and the address without it."""

    text: str
    without: str


@dataclass(frozen=True, slots=True)
class State:
    """What the address says."""

    filters: Filters
    pairs: tuple[tuple[str, str], ...]
    """The parts of the query string, in the order of `NAMES`."""

    @classmethod
    def parse(cls, query: Query, *, zone: str, stored_ids: StoredIds = as_it_is) -> State:
        """`stored_ids`: under which ids a user's calls are stored. Raises ConfigurationError, which names the part that
        is wrong."""
        pairs = [(name, value) for name in NAMES for value in query.getall(name, ()) if value]
        chosen = dict(pairs)
        tz = find_zone(chosen.get("zone", zone))
        since, until = chosen.get("since", SINCE), chosen.get("until")
        several: dict[str, Any] = {field: tuple(v for k, v in pairs if k == name) for name, field in _TEXTS.items()}
        for name, field in _NUMBERS.items():
            several[field] = tuple(_number(name, value) for key, value in pairs if key == name)
        several["users"] = tuple(stored for user in several["users"] for stored in stored_ids(user))
        if unknown := set(several["kinds"]) - set(ALL_KINDS):
            raise ConfigurationError(f"kind={unknown.pop()!r}: must be one of: {', '.join(filter(None, ALL_KINDS))}")
        calls = chosen.get("calls", FAILED)
        if calls != FAILED:
            raise ConfigurationError(f"calls={calls!r}: must be {FAILED}")
        filters = Filters(
            since=None if since == "all" else parse_moment(since, tz),
            until=None if until is None else parse_moment(until, tz),
            zone=tz.key,
            **several,
        )
        return cls(filters, tuple(pairs))

    @property
    def since(self) -> str:
        return dict(self.pairs).get("since", SINCE)

    @property
    def period(self) -> str:
        """One of `PERIODS`, or empty if it is another one."""
        return self.since if self.since in PERIODS and "until" not in dict(self.pairs) else ""

    @property
    def only_failed(self) -> bool:
        return ("calls", FAILED) in self.pairs

    @property
    def before(self) -> str:
        """A release, or empty."""
        return dict(self.pairs).get("before", "")

    @property
    def after(self) -> str:
        """The release that is compared with it, or empty."""
        return dict(self.pairs).get("after", "")

    @property
    def command(self) -> str:
        """The command if the page is about one alone; otherwise empty."""
        return self.filters.commands[0] if len(self.filters.commands) == 1 else ""

    def hidden(self, *changed: str) -> list[tuple[str, str]]:
        """What a form that changes these has to send, too."""
        return [pair for pair in self.pairs if pair[0] not in changed]

    def address(self, path: str = "/", **changes: str) -> str:
        """`path` with this state, but for `changes`: of filters one more, of everything else another one."""
        pairs = [pair for pair in self.pairs if not (pair[0] in _SINGLE and pair[0] in changes)]
        pairs += [(name, value) for name, value in changes.items() if value and (name, value) not in pairs]
        return f"{path}?{urlencode(pairs)}" if pairs else path

    @property
    def chips(self) -> list[Chip]:
        """One a filter, without period and zone."""
        shown = [pair for pair in self.pairs if pair[0] not in _SINGLE]
        return [Chip(f"{name}: {value}", self._without((name, value))) for name, value in shown]

    def _without(self, pair: tuple[str, str]) -> str:
        pairs = [each for each in self.pairs if each != pair]
        return f"/?{urlencode(pairs)}" if pairs else "/"


def described(filters: Filters) -> str:
    """The period in words, on the zone's clock."""
    since, until = (each and each.astimezone(filters.tz) for each in (filters.since, filters.until))
    if since is None:
        return f"until {until:%d %b %Y}" if until else "everything"
    return f"{since:%d %b} to {until:%d %b %Y}" if until else f"since {since:%d %b %Y}"


def _number(name: str, value: str) -> int:
    try:
        number = int(value)
    except ValueError:
        number = -1
    if not 0 <= number < 2**63:
        raise ConfigurationError(f"{name}={value!r}: must be an id")
    return number
