"""The sums in ClickHouse: creates, refreshes, reads and checks them. `source.py` does without pyroaring."""
