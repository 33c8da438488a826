"""Periods and zones as people write them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from slashspan.errors import ConfigurationError
from slashspan.insights import Filters, parse_moment
from slashspan.insights.zones import offsets, start_of_day

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 3, 31, 10, 30, tzinfo=UTC)
"""12:30 in Berlin, the day after its clocks went forward."""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", datetime(2025, 3, 31, 10, 0, tzinfo=UTC)),
        ("36h", datetime(2025, 3, 29, 22, 30, tzinfo=UTC)),
        ("0d", datetime(2025, 3, 30, 22, tzinfo=UTC)),
        ("1d", datetime(2025, 3, 29, 23, tzinfo=UTC)),
        (" 2 D ", datetime(2025, 3, 28, 23, tzinfo=UTC)),
        ("1w", datetime(2025, 3, 23, 23, tzinfo=UTC)),
        ("2025-03-30", datetime(2025, 3, 29, 23, tzinfo=UTC)),
        ("2025-03-30T12:00", datetime(2025, 3, 30, 10, tzinfo=UTC)),
        ("2025-03-30 12:00:00.5", datetime(2025, 3, 30, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2025-03-30T12:00Z", datetime(2025, 3, 30, 12, tzinfo=UTC)),
        ("2025-03-30T12:00+05:00", datetime(2025, 3, 30, 7, tzinfo=UTC)),
    ],
)
def test_a_moment_is_understood(text: str, moment: datetime) -> None:
    assert parse_moment(text, BERLIN, now=NOW) == moment


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7y", "tomorrow", "2025-02-30", "999999w", "12:00"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"7d, 24h"):
        parse_moment(text, BERLIN, now=NOW)


def test_a_naive_time_is_one_of_the_zone_and_an_empty_period_is_refused() -> None:
    filters = Filters(since=datetime(2025, 7, 1), zone="Europe/Berlin")  # noqa: DTZ001
    assert filters.since == datetime(2025, 6, 30, 22, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="the period is empty"):
        Filters(since=NOW, until=NOW)
    twice = datetime(2025, 10, 26, 2, 30, tzinfo=BERLIN)
    Filters(since=twice, until=twice.replace(fold=1))  # an hour later, at the same time on the clock


def test_the_period_before_is_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    filters = Filters(since=NOW - timedelta(days=3), until=NOW, commands=("play",))
    before = filters.previous()
    assert before is not None
    assert (before.since, before.until, before.commands) == (NOW - timedelta(days=6), filters.since, ("play",))
    assert Filters(until=NOW).previous() is None


@pytest.mark.parametrize("name", ["Europe/Belrin", "", "Mars", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no time zone"):
        Filters(zone=name)


def test_a_similar_zone_is_named() -> None:
    with pytest.raises(ConfigurationError, match="Europe/Berlin"):
        Filters(zone="Europe/Belrin")


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Africa/Casablanca",
                                  "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"])  # fmt: skip
def test_offsets_are_those_of_zoneinfo_at_each_quarter_of_an_hour(name: str) -> None:
    zone, first = ZoneInfo(name), date(2011, 1, 1)
    found = offsets(name, first, date(2012, 1, 1))
    begin = int(datetime(2011, 1, 1, tzinfo=UTC).timestamp())
    for second in range(begin, begin + 365 * 86_400, 900):
        (*_, offset) = (offset for start, offset in found if start <= second)
        there = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
        assert there == timedelta(seconds=offset), second


def test_a_day_begins_when_its_midnight_is_skipped_or_repeated() -> None:
    cairo = start_of_day(date(2025, 4, 25), ZoneInfo("Africa/Cairo"))
    assert (cairo.hour, cairo.astimezone(UTC)) == (1, datetime(2025, 4, 24, 22, tzinfo=UTC))
    havana = start_of_day(date(2025, 11, 2), ZoneInfo("America/Havana"))  # 00:00 to 01:00, twice
    assert havana.astimezone(UTC) == datetime(2025, 11, 2, 4, tzinfo=UTC)
