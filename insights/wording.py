"""Numbers and names in sentences."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from slashspan.semconv import Kind

if TYPE_CHECKING:
    from slashspan.insights.result import Unit


def percent(share: float | None) -> str:
    """A small share is not rounded to nothing, nor a large one to everything."""
    if share is None:
        return "–"
    if 0 < share < 0.0005:
        return "<0.1 %"
    return ">99.9 %" if 0.9995 <= share < 1 else f"{share * 100:.1f} %"


def milliseconds(value: float | None) -> str:
    """With its unit: three digits of milliseconds, then seconds, then minutes and hours from two on."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 7_200_000:
        return f"{value / 3_600_000:,.1f} h"
    if size >= 120_000:
        return f"{value / 60_000:,.1f} min"
    if size >= 1000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if size >= 100 else f"{value:,.1f} ms"


def plural(number: int, noun: str) -> str:
    """`1 call`, `2,345 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def command_name(row: Any, command: str | None = None, kind: str | None = None) -> str:
    """As users know it: `/play` for a slash command, `play (prefix)` for others. Contains what users chose."""
    command = row.command if command is None else command
    kind = row.kind if kind is None else kind
    if not command:
        return "(no such command)"
    if kind in (Kind.SLASH, ""):
        return f"/{command}"
    return f"{command} ({kind.replace('_', ' ')})"


def cell(value: Any, unit: Unit) -> str:
    """A value in a table; None is a dash."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%a %Y-%m-%d}"
    if unit == "count":
        return f"{value:,}"
    if unit == "ms":
        return milliseconds(value)
    if unit == "share":
        return percent(value)
    return f"{value:,.1f}" if unit == "ratio" else str(value)
