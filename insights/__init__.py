"""Read: `command_calls` → numbers. Knows the table, but not how it is filled."""

from slashspan.insights.reader import Reader, ReadError, open_reader
from slashspan.insights.summary import CommandStats, StepStats, Summary, summary

__all__ = ["CommandStats", "ReadError", "Reader", "StepStats", "Summary", "open_reader", "summary"]
