"""The sums in PostgreSQL: creates, refreshes and checks them."""

from slashspan.insights.sums.postgres.sums import PostgresSums

__all__ = ["PostgresSums"]
