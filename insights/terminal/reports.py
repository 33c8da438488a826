"""A single report in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.insights.terminal.table import print_result

if TYPE_CHECKING:
    from rich.console import Console

    from slashspan.insights.result import Result


def print_report(result: Result[Any], console: Console, *, limit: int) -> None:
    """At most `limit` rows."""
    print_result(result.head(limit), console)
