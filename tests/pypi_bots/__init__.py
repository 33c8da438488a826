"""Bots from PyPI, unchanged: run plainly and recorded, compared action by action. `make bots` sets them up."""
