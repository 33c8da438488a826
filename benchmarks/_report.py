"""What a benchmark hands back, and how it is shown: in a terminal, or as Markdown."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from exporters.rows.command_call import CommandCall


class NoStore:
    """Takes every row and keeps none."""

    address = "nowhere"

    def prepare(self, *, timeout: float) -> None: ...

    def write(self, rows: Sequence[CommandCall], *, timeout: float) -> None: ...

    def close(self, *, timeout: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Aim:
    """What was aimed at, and whether this run met it."""

    text: str
    met: bool


@dataclass(frozen=True, slots=True)
class Report:
    """One question and its table; cells are text, as they are shown."""

    name: str
    question: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    aims: Sequence[Aim] = ()
    notes: Sequence[str] = ()
    draw: Callable[[Path], None] | None = None
    """Draws the result as an SVG into that file."""

    @property
    def command(self) -> str:
        """What prints it."""
        return f"python -m benchmarks {self.name}"

    @property
    def chart(self) -> str:
        """The file name of what `draw` draws."""
        return self.name.replace("_", "-") + ".svg"

    def table(self) -> Table:
        table = Table(title=self.question, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def lines(self) -> list[str]:
        """Aims and notes, a line each."""
        aims = [f"aim {'met' if aim.met else 'MISSED'}: {aim.text}" for aim in self.aims]
        return aims + list(self.notes)

    def markdown(self, charts: str | None = None) -> str:
        """`charts`: the folder of the charts, as a link from the document; None where they were not drawn."""
        rule = "|" + "|".join("---" if number == 0 else "--:" for number in range(len(self.columns))) + "|"
        rows = ["| " + " | ".join(row) + " |" for row in (self.columns, *self.rows)]
        lines = [f"- {line}" for line in self.lines()]
        text = [f"## {self.question}", "", f"`{self.command}`", "", rows[0], rule, *rows[1:], "", *lines, ""]
        if charts is not None and self.draw is not None:
            text += [f"![{self.question}]({charts}/{self.chart})", ""]
        return "\n".join(text)


class NoExporter(SpanExporter):
    """Takes everything and does nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
