"""Options shared by several commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from slashspan.errors import ConfigurationError
from slashspan.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE_STATUS: Final = 2
"""Exit status for an invalid setting or argument."""
FAILED_STATUS: Final = 1


class _UserId(click.IntRange):
    name = "id of a Discord user"


USER_ID: Final = _UserId(1, 2**63 - 1)


def _env_file(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    if path is not None:
        from slashspan.telemetry.cli.run import load_env_file

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
    help="Read settings from this file; variables that are already set take precedence.",
)
dsn_option = click.option(
    "--dsn",
    envvar="SLASHSPAN_DSN",
    default=None,
    help="The store. Default: SLASHSPAN_DSN, or sqlite:///command_calls.db.",
)


def settings_of(dsn: str | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment, with the store given by --dsn. Raises ConfigurationError."""
    return Settings.from_environ({**environ, "SLASHSPAN_DSN": dsn} if dsn else environ)
