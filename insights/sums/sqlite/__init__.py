"""The sums in a SQLite file: creates, refreshes and checks them."""

from slashspan.insights.sums.sqlite.sums import SqliteSums

__all__ = ["SqliteSums"]
