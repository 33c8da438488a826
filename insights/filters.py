"""Which calls a report is about."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan.errors import ConfigurationError
from slashspan.insights.zones import find_zone, start_of_day
from slashspan.semconv import Kind

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

LEGACY: Final = ""
"""Kind of a row that an old bot wrote: it recorded commands only."""
COMMAND_KINDS: Final = (Kind.SLASH, Kind.USER_MENU, Kind.MESSAGE_MENU, Kind.PREFIX, LEGACY)
"""What counts as a command, unless `kinds` says otherwise: no components, no modals, no autocomplete."""
ALL_KINDS: Final = (*Kind.ALL, LEGACY)
_AGO: Final = re.compile(r"(\d{1,5})\s*([mhdw])", re.IGNORECASE)
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(days=7)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The period and the calls of a report. An empty tuple leaves nothing out; several values mean any of them.

    `Filters(since=datetime(2026, 11, 1), zone="Europe/Berlin", commands=("play", "admin ban"))`
    """

    since: datetime | None = None
    """The first moment of the period; None: everything up to `until`. A naive time is one of `zone`;
    it is kept in UTC, because Python compares times of one zone by their clock, which may repeat an hour."""
    until: datetime | None = None
    """The first moment after the period; None: up to now."""
    zone: str = "UTC"
    """IANA name of the zone in which days, weeks and hours are counted and times are shown."""
    commands: tuple[str, ...] = ()
    """Qualified names."""
    kinds: tuple[str, ...] = ()
    """Kinds as in the column `kind`; empty: all commands, `COMMAND_KINDS`."""
    guilds: tuple[int, ...] = ()
    users: tuple[int, ...] = ()
    """As stored: a pseudonym where ids are hashed. The sums do not know who called what, so the rows are read."""
    shards: tuple[int, ...] = ()
    environments: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    """`service_version`."""
    bots: tuple[str, ...] = ()
    """Application ids, or service names."""

    def __post_init__(self) -> None:
        zone = find_zone(self.zone)
        for name in ("since", "until"):
            moment: datetime | None = getattr(self, name)
            if moment is not None:
                aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
                object.__setattr__(self, name, aware.astimezone(timezone.utc))
        if self.since and self.until and self.since >= self.until:
            raise ConfigurationError(f"the period is empty: since {self.since}, until {self.until}")

    @classmethod
    def last(cls, text: str, *, zone: str = "UTC", now: datetime | None = None, **more: Any) -> Filters:
        """The period from `7d`, `24h`, `2026-11-01` or whatever `parse_moment` understands, up to now."""
        return cls(since=parse_moment(text, find_zone(zone), now=now), zone=zone, **more)

    @property
    def tz(self) -> ZoneInfo:
        return find_zone(self.zone)

    @property
    def end(self) -> datetime:
        """`until`, or now if that is not set or still to come: what happens later is not known yet."""
        now = datetime.now(timezone.utc)
        return min(self.until, now) if self.until else now

    @property
    def counted_kinds(self) -> tuple[str, ...]:
        """The kinds that count."""
        return self.kinds or COMMAND_KINDS

    def previous(self) -> Filters | None:
        """The same for the period of the same length before it; None if this one has no beginning, or is to come."""
        if self.since is None or self.since >= self.end:
            return None
        return dataclasses.replace(self, since=self.since - (self.end - self.since), until=self.since)

    def without_period(self) -> Filters:
        """The same calls of all times."""
        return dataclasses.replace(self, since=None, until=None)


def parse_moment(text: str, zone: ZoneInfo, *, now: datetime | None = None) -> datetime:
    """A moment as people write it. Raises ConfigurationError.

    `30m`, `24h`: that long ago. `7d`, `4w`: the beginning of the local day that many days ago, so that the first day is
    a whole one. `2026-11-01`: the beginning of that day. `2026-11-01T18:30`, optionally with an offset: that moment;
    without one it is local time.
    """
    now = now or datetime.now(timezone.utc)
    text = text.strip()
    if match := _AGO.fullmatch(text):
        unit = match[2].lower()
        back = int(match[1]) * _UNITS[unit]
        try:
            return now - back if unit in "mh" else start_of_day(now.astimezone(zone).date() - back, zone)
        except OverflowError:
            raise _unknown(text) from None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return start_of_day(date.fromisoformat(text), zone)
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        raise _unknown(text) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _unknown(text: str) -> ConfigurationError:
    return ConfigurationError(f"{text!r} is no time: use 7d, 24h, 4w, 2026-11-01 or 2026-11-01T18:30")
