"""The `slashspan` command: runs bots, manages the store, reads what is in it."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # `python -W error -m telemetry.cli run` is meant for the bot
    from slashspan.telemetry.cli.main import cli, main

__all__ = ["cli", "main"]
