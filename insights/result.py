"""What a report returns: rows of a frozen dataclass whose fields describe themselves.

Everything that shows a result (JSON, CSV, a frame, a table in the terminal, a chart) is derived from its columns.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from slashspan.insights.filters import Filters

R = TypeVar("R")
Unit = Literal["count", "ms", "share", "ratio", "time", "date", "id", "name", "text"]
"""What a value is. `count`: an int. `ms`: milliseconds. `share`: from 0 to 1. `ratio`: any other float. `time`: an
aware datetime in the zone of the filters. `date`: a local day. `id`: an int that JSON writes as a string, because
JavaScript would round it. `name`: text that users or programmers chose, to be escaped. `text`: one of our own words."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result."""

    name: str
    """As in Python, JSON and CSV."""
    unit: Unit
    label: str
    """For people; short enough for a table's head."""
    meaning: str


def column(unit: Unit, label: str, meaning: str, **more: Any) -> Any:
    """A field of a row type; `more` goes to `dataclasses.field`."""
    return dataclasses.field(metadata={"unit": unit, "label": label, "meaning": meaning}, **more)


def columns_of(row_type: type) -> tuple[Column, ...]:
    """The columns of a row type."""
    return tuple(Column(name=each.name, **each.metadata) for each in dataclasses.fields(row_type))


@dataclass(frozen=True, slots=True)
class Result(Generic[R]):
    """The answer of a report. None in a row means: not measured, or not known yet."""

    report: str
    """The report's name."""
    title: str
    row_type: type[R]
    filters: Filters
    rows: tuple[R, ...]
    left_out: int = 0
    """How many rows `head` or `tail` has left out."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns_of(self.row_type)

    def head(self, limit: int | None) -> Result[R]:
        """The first rows, with the number of the others in `left_out`."""
        if limit is None or len(self.rows) <= limit:
            return self
        return dataclasses.replace(
            self, rows=self.rows[:limit], left_out=self.left_out + len(self.rows) - max(0, limit)
        )

    def tail(self, limit: int) -> Result[R]:
        """The last rows, like `head`."""
        left_out = max(0, len(self.rows) - limit)
        return dataclasses.replace(self, rows=self.rows[left_out:], left_out=self.left_out + left_out)

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries of Python's values."""
        names = [each.name for each in self.columns]
        return [{name: getattr(row, name) for name in names} for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """For programs: only values that JSON has; times in ISO 8601, ids as strings."""
        edges = {"since": self.filters.since, "until": self.filters.until}
        period = {name: edge and edge.astimezone(self.filters.tz) for name, edge in edges.items()}
        return {
            "report": self.report,
            "title": self.title,
            "period": {**{name: plain(edge) for name, edge in period.items()}, "zone": self.filters.zone},
            "columns": [dataclasses.asdict(each) for each in self.columns],
            "rows": [
                {each.name: plain(getattr(row, each.name), each.unit) for each in self.columns} for row in self.rows
            ],
            "left_out": self.left_out,
        }

    def to_json(self) -> str:
        """`to_dict` in ASCII, which every encoding has."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_csv(self) -> str:
        """RFC 4180: a header, and empty cells for None.

        A text that a spreadsheet would run as a formula gets an apostrophe (https://owasp.org/www-
        community/attacks/CSV_Injection).
        """
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow([each.name for each in self.columns])
        for row in self.rows:
            writer.writerow([_cell(getattr(row, each.name), each.unit) for each in self.columns])
        return stream.getvalue()

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`, with all columns also without rows. Raises ConfigurationError without pandas."""
        try:
            import pandas as pd
        except ModuleNotFoundError:
            raise ConfigurationError("a pandas frame needs pandas: pip install pandas") from None
        # Numbers that may be missing would become floats, which round ids.
        types = {"id": "Int64", "count": "Int64", **dict.fromkeys(("ms", "share", "ratio"), "float64")}
        return pd.DataFrame(
            {
                each.name: pd.Series([getattr(row, each.name) for row in self.rows], dtype=types.get(each.unit))
                for each in self.columns
            }
        )

    def to_polars(self) -> Any:
        """A `polars.DataFrame`. Raises ConfigurationError without polars."""
        try:
            import polars as pl
        except ModuleNotFoundError:
            raise ConfigurationError("a polars frame needs polars: pip install polars") from None
        types = {"count": pl.Int64, "id": pl.Int64, "date": pl.Date, "time": pl.Datetime("us", self.filters.zone)}
        types |= dict.fromkeys(("ms", "share", "ratio"), pl.Float64)
        schema = {each.name: types.get(each.unit, pl.String) for each in self.columns}
        return pl.DataFrame(self.records(), schema=schema)


def plain(value: Any, unit: Unit | None = None) -> Any:
    """A value as JSON has it."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value) if unit == "id" and value is not None else value


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _cell(value: Any, unit: Unit) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return plain(value, unit)
