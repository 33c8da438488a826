"""Tables in the terminal: bars are whole or not there."""

from __future__ import annotations

import io

from rich.console import Console

from slashspan import insights
from slashspan.insights import Filters, Result
from slashspan.insights.reports.failures import OutcomesRow
from slashspan.insights.terminal.table import BAR_WIDTH, print_result


def test_a_bar_is_never_cut_however_wide_the_terminal_is() -> None:
    rows = (OutcomesRow("ok", 1000, 1.0), OutcomesRow("error", 500, 0.5))
    result = Result("outcomes", insights.outcomes.title, OutcomesRow, Filters(), rows)
    bars = set()
    for width in range(30, 60):
        stream = io.StringIO()
        print_result(result, Console(file=stream, width=width))
        assert "…" not in stream.getvalue(), width
        assert max(map(len, stream.getvalue().splitlines())) <= width
        bars.add(stream.getvalue().count("█"))
    assert bars == {0, BAR_WIDTH + BAR_WIDTH // 2}
