"""The `slashspan` command: runs bots, looks after the store, reads what is in it."""

from telemetry.cli.main import cli, main

__all__ = ["cli", "main"]
