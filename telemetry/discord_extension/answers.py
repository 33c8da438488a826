"""What the commands answer: an embed, and the chart that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import discord

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.charts import draw
from slashspan.insights.dashboard.banner import findings
from slashspan.insights.pages.tiles import tiles
from slashspan.insights.wording import command_name, milliseconds, percent, plural
from slashspan.telemetry.discord_extension.text import listed, safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from slashspan.insights import Reader
    from slashspan.insights.charts import Drawing
    from slashspan.insights.reports.usage import CommandRow, TotalsRow

PERIODS: Final = {"24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days", "90d": "last 90 days"}
TOP: Final = 10
LATEST: Final = 8
LONGEST_DESCRIPTION: Final = 1500
"""In characters: with three full fields and the tiles, the embed has less than Discord's 6,000."""


@dataclass(frozen=True, slots=True)
class Answer:
    embed: discord.Embed
    drawing: Drawing | None = None


async def summary(reader: Reader, period: str, zone: str, registered: Mapping[str, str]) -> Answer:
    """Of all commands. `registered`: the kinds of those that the bot offers, by name. Raises ReadError."""
    filters = Filters.last(period, zone=zone)
    title = f"Commands, {PERIODS[period]}"
    async with reader.snapshot():
        embed = await _head(reader, filters, title)
        if embed is None:
            return await _nothing(reader, filters, title)
        found = await findings(reader, filters)
        embed.description = listed([f"⚠️ {safe(each.text, 300)}" for each in found], LONGEST_DESCRIPTION) or None
        rows = (await insights.commands(reader, filters, registered=tuple(registered))).rows
        _add(embed, "Most used", _most_used(rows))
        errors = [row for row in (await insights.errors(reader, filters)).rows if row.errors][:TOP]
        lines = [
            f"{_name(row)}: {percent(row.error_rate)} of {plural(row.ran, 'call')} "
            f"({percent(row.low)} to {percent(row.high)})"
            for row in errors
        ]
        _add(embed, "Errors, the clearest first", lines)
        _add(embed, "Not called in this period", _not_called(rows, registered))
        return Answer(embed, draw(await insights.calls(reader, filters)))


async def command(reader: Reader, name: str, period: str, zone: str, registered: Mapping[str, str]) -> Answer:
    """Of the command with this qualified name. `registered` as in `summary`. Raises ReadError."""
    name = name.strip().removeprefix("/")
    filters = Filters.last(period, zone=zone, commands=(name,))
    title = f"{safe(name)}, {PERIODS[period]}"
    async with reader.snapshot():
        embed = await _head(reader, filters, title)
        if embed is None:
            known = name in registered
            never = "No earlier one is stored." if known else "The bot has no slash command or menu of this name."
            return await _nothing(reader, filters, title, f" {never}")
        outcomes = (await insights.outcomes(reader, filters)).rows
        _add(embed, "Ended", [f"{safe(row.outcome)}: {row.calls:,}, {percent(row.share)}" for row in outcomes])
        _add(embed, "Exceptions", await _exceptions(reader, filters))
        steps = (await insights.checkpoints(reader, filters)).rows[:TOP]
        lines = [f"{safe(row.step)}: half ≤ {milliseconds(row.p50_ms)}, 95 % ≤ {_p95(row)}" for row in steps]
        _add(embed, "Checkpoints, the slowest first", lines)
        return Answer(embed, draw(await insights.calls(reader, filters)))


async def user(reader: Reader, name: str, ids: tuple[int, ...], period: str, zone: str, *, dropped: bool) -> Answer:
    """Of the user, whose rows have one of these ids. `dropped`: ids of users are not stored. Raises ReadError."""
    filters = Filters.last(period, zone=zone, users=ids)
    title = f"{safe(name)}, {PERIODS[period]}"
    async with reader.snapshot():
        embed = await _head(reader, filters, title)
        if embed is None:
            answer = await _nothing(reader, filters, title)
            if dropped:
                answer.embed.set_footer(text="SLASHSPAN_USER_IDS=drop: ids of users are not stored")
            return answer
        _add(embed, "Most used", _most_used((await insights.commands(reader, filters, unused=False)).rows))
        _add(embed, "Exceptions", await _exceptions(reader, filters))
        latest = (await insights.recent(reader, filters, count=LATEST)).rows
        lines = [f"{_ago(row.at)} {_name(row)}: {safe(row.outcome)}, {milliseconds(row.duration_ms)}" for row in latest]
        _add(embed, "Latest", lines)
        return Answer(embed, draw(await insights.calls(reader, filters)))


async def known_commands(reader: Reader) -> tuple[str, ...]:
    """Qualified names of all commands in the table. Raises ReadError."""
    rows = await reader.query("known_commands", Filters(), used="[]")
    return tuple(sorted({row["command"] for row in rows if row["command"]}))


async def _head(reader: Reader, filters: Filters, title: str) -> discord.Embed | None:
    """The tiles; None without a call."""
    now = await _totals(reader, filters)
    if not now.calls:
        return None
    previous = filters.previous()
    embed = discord.Embed(title=title, timestamp=filters.end)
    for tile in tiles(now, await _totals(reader, previous) if previous else None):
        embed.add_field(name=tile.label, value=f"**{tile.value}**\n{tile.change}".strip(), inline=True)
    embed.set_footer(text=f"Commands only, days in {filters.zone}")
    return embed


async def _totals(reader: Reader, filters: Filters) -> TotalsRow:
    (row,) = (await insights.totals(reader, filters)).rows
    return row


async def _nothing(reader: Reader, filters: Filters, title: str, never: str = "") -> Answer:
    """`never`: what else is said if there is no earlier call."""
    ever = (await insights.recent(reader, filters.without_period(), count=1)).rows
    last = f" The last one was {_ago(ever[0].at)}." if ever else never
    return Answer(discord.Embed(title=title, description=f"No calls in this period.{last}"))


def _most_used(rows: Sequence[CommandRow]) -> list[str]:
    called = [row for row in rows if row.calls]
    return _top([f"{_name(row)}: {plural(row.calls, 'call')}, 95 % ≤ {_p95(row)}" for row in called])


def _not_called(rows: Sequence[CommandRow], registered: Mapping[str, str]) -> list[str]:
    """Of the commands that the bot offers; what it has offered before is of no use any more."""
    found = [row for row in rows if not row.calls and row.command in registered]
    found.sort(key=lambda row: (row.last.timestamp() if row.last else 0.0, row.command.casefold()))
    names = [safe(command_name(row, kind=registered[row.command])) for row in found]
    return _top(
        [
            f"{name}: last {_ago(row.last)}" if row.last else f"{name}: no earlier call is stored"
            for name, row in zip(names, found, strict=True)
        ]
    )


def _top(lines: list[str]) -> list[str]:
    return [*lines[:TOP], f"… and {len(lines) - TOP:,} more"] if len(lines) > TOP else lines


async def _exceptions(reader: Reader, filters: Filters) -> list[str]:
    rows = [row for row in (await insights.error_types(reader, filters)).rows if row.error_type][:TOP]
    return [
        f"{safe(row.error_type)} in {_name(row)}: {row.calls:,}, last {_ago(row.last)}"
        + (f", new in {safe(row.new_in)}" if row.new_in else "")
        for row in rows
    ]


def _add(embed: discord.Embed, name: str, lines: Sequence[str]) -> None:
    if lines:
        embed.add_field(name=name, value=listed(lines), inline=False)


def _name(row: Any) -> str:
    return safe(command_name(row))


def _p95(row: Any) -> str:
    return milliseconds(row.p95_ms)


def _ago(moment: datetime | None) -> str:
    """In the reader's language and zone."""
    return discord.utils.format_dt(moment, "R") if moment else "–"
