"""Read: `command_calls` → numbers. Knows the table, never how it was filled."""

from insights.reader import Reader, ReadError, open_reader
from insights.summary import CommandStats, StepStats, Summary, summary

__all__ = ["CommandStats", "ReadError", "Reader", "StepStats", "Summary", "open_reader", "summary"]
