"""The result of a benchmark, and how it is printed: in a terminal, or as Markdown."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Target:
    """A target, and whether this run met it."""

    text: str
    met: bool


@dataclass(frozen=True, slots=True)
class Report:
    """One question and the table that answers it; cells are text, as printed."""

    name: str
    question: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target] = ()
    notes: Sequence[str] = ()
    draw: Callable[[Path], None] | None = None
    """Draws the result into this file, as SVG."""

    @property
    def command(self) -> str:
        """The command that prints it."""
        return f"python -m benchmarks {self.name}"

    @property
    def chart(self) -> str:
        """The file name of the chart."""
        return self.name.replace("_", "-") + ".svg"

    def table(self) -> Table:
        table = Table(title=self.question, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def lines(self) -> list[str]:
        """Targets and notes, one line each."""
        targets = [f"target {'met' if target.met else 'MISSED'}: {target.text}" for target in self.targets]
        return targets + list(self.notes)

    def markdown(self, charts: str | None = None, *, measured: str) -> str:
        """`charts`: path from the document to the folder of the charts; None if they were not drawn. `measured`: when,
        and on what."""
        rule = "|" + "|".join("---" if number == 0 else "--:" for number in range(len(self.columns))) + "|"
        rows = ["| " + " | ".join(row) + " |" for row in (self.columns, *self.rows)]
        lines = [f"- {line}" for line in self.lines()]
        text = [
            f"## {self.question}",
            "",
            f"`{self.command}`: {measured}",
            "",
            rows[0],
            rule,
            *rows[1:],
            "",
            *lines,
            "",
        ]
        if charts is not None and self.draw is not None:
            text += [f"![{self.question}]({charts}/{self.chart})", ""]
        return "\n".join(text)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
