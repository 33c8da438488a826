"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from slashspan.errors import ConfigurationError
from slashspan.settings import Settings

USAGE_STATUS: Final = 2
"""Exit status when a setting or argument is wrong."""
FAILED_STATUS: Final = 1


def _env_file(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    if path is not None:
        from telemetry.cli.run import load_env_file

        try:
            load_env_file(path, os.environ)
        except ConfigurationError as error:
            click.echo(f"slashspan: {error}", err=True)
            ctx.exit(USAGE_STATUS)


env_file_option = click.option(
    "--env-file",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_env_file,
    expose_value=False,
    is_eager=True,
    help="Read settings from this file; a variable that is set already wins.",
)
dsn_option = click.option(
    "--dsn",
    envvar="SLASHSPAN_DSN",
    default=None,
    help="The store; default: SLASHSPAN_DSN, else sqlite:///command_calls.db.",
)


def settings_of(dsn: str | None) -> Settings:
    """From the environment, with the store that --dsn names. Raises ConfigurationError."""
    return Settings.from_environ({**os.environ, "SLASHSPAN_DSN": dsn} if dsn else os.environ)
