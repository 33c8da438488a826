"""The summary in a terminal. Names come from users, so they are never interpreted as markup."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from slashspan.insights.summary import Summary


def print_summary(summary: Summary, console: Console) -> None:
    """Tables of at most 80 columns."""
    if not summary.calls:
        console.print("No calls are recorded yet. Use `slashspan run`, or try `slashspan demo`.", markup=False)
        return
    first, last = (f"{at:%Y-%m-%d %H:%M:%S}" if at else "?" for at in (summary.first, summary.last))
    console.print(f"{summary.calls:,} calls by {summary.users:,} users, {first} to {last} UTC", markup=False)
    outcomes = ", ".join(f"{shown(name or '?')} {calls:,}" for name, calls in summary.outcomes.items())
    console.print(f"outcomes: {outcomes}", markup=False)
    console.print(_commands(summary))
    if summary.steps:
        console.print(_steps(summary))


def _commands(summary: Summary) -> Table:
    table = Table(title="Commands (milliseconds)", title_justify="left", expand=False)
    table.add_column("command", overflow="fold", max_width=22)
    table.add_column("kind")
    for name in ("calls", "users", "p50", "p95", "errors"):
        table.add_column(name, justify="right")
    for command in summary.commands:
        share = command.error_share
        table.add_row(
            shown(command.command) if command.command else Text("(unknown)", style="dim"),
            shown(command.kind),
            f"{command.calls:,}",
            f"{command.users:,}",
            _ms(command.p50_ms),
            _ms(command.p95_ms),
            "–" if share is None else f"{share:.1%}",
        )
    return table


def _steps(summary: Summary) -> Table:
    table = Table(title="Checkpoints (milliseconds)", title_justify="left", expand=False)
    table.add_column("command", overflow="fold", max_width=22)
    table.add_column("step", overflow="fold", max_width=28)
    for name in ("n", "p95", "slow"):
        table.add_column(name, justify="right")
    for step in summary.steps:
        table.add_row(shown(step.command), shown(step.name), f"{step.calls:,}", _ms(step.p95_ms), f"{step.slow:,}")
    return table


def shown(text: str) -> Text:
    """Safe for a terminal: control and direction characters, which could rewrite the line, become `�`."""
    return Text("".join("�" if unicodedata.category(char) in ("Cc", "Cf") else char for char in text))


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"
