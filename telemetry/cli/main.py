"""The command line, which uses all packages: runs bots, manages the store, reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from slashspan import __version__
from slashspan.errors import ConfigurationError
from slashspan.telemetry.cli.charts import chart, report
from slashspan.telemetry.cli.dashboard import dashboard
from slashspan.telemetry.cli.demo import demo
from slashspan.telemetry.cli.doctor import doctor
from slashspan.telemetry.cli.init import init
from slashspan.telemetry.cli.options import FAILED_STATUS, USAGE_STATUS, env_file_option
from slashspan.telemetry.cli.output import never_fail_to_print, say
from slashspan.telemetry.cli.rollup import rollup
from slashspan.telemetry.cli.spool import spool
from slashspan.telemetry.cli.stats import stats
from slashspan.telemetry.cli.store import migrate, prune
from slashspan.telemetry.cli.user import export, forget

if TYPE_CHECKING:
    from collections.abc import Sequence


class Commands(click.Group):
    """Turns our errors into one line and an exit status; a bot's errors are not touched."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        never_fail_to_print()
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        from slashspan.exporters.stores.errors import StoreError
        from slashspan.insights import ReadError

        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            say(f"slashspan: {error}", err=True)
            ctx.exit(USAGE_STATUS)
        except (StoreError, ReadError) as error:
            say(f"slashspan: {error}", err=True)
            ctx.exit(FAILED_STATUS)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args[0].endswith(".py"):
            raise click.UsageError(f"No such command {args[0]!r}. To run a bot: slashspan run {args[0]}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="slashspan")
def cli() -> None:
    """Know what a Discord bot's users do, without slowing the bot."""


@cli.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run an unchanged bot and record it.",
)
@env_file_option
@click.option("-m", "module", metavar="MODULE", help="Run a module, like `python -m`.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[BOT.PY] [ARGUMENTS]...")
def run(module: str | None, arguments: Sequence[str]) -> None:
    """Run an unchanged bot and record it: `slashspan run bot.py ...` or `slashspan run -m package ...`.

    Each command becomes a span and a row, according to the settings. Exceptions and exit status are the bot's own.
    Ctrl-C and SIGTERM end it after everything recorded has been written.
    """
    from slashspan.telemetry.cli.run import run as run_bot

    if module is None and arguments and arguments[0].startswith("-"):
        raise click.UsageError(f"No such option: {arguments[0]}. Settings are environment variables, or in --env-file.")
    if module is not None:
        run_bot(module, arguments, module=True)
    elif arguments:
        run_bot(arguments[0], arguments[1:], module=False)
    else:
        raise click.UsageError("Name the bot: slashspan run bot.py, or slashspan run -m package")


for command in (chart, dashboard, demo, doctor, export, forget, init, migrate, prune, report, rollup, spool, stats):
    cli.add_command(command)


def main() -> None:
    """Entry point of the `slashspan` command."""
    cli(prog_name="slashspan")
