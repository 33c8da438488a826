"""The command line. Joins the halves: runs bots, manages the store, reads what is in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from slashspan import __version__
from slashspan.errors import ConfigurationError
from telemetry.cli.doctor import doctor
from telemetry.cli.options import FAILED_STATUS, USAGE_STATUS, dsn_option, env_file_option, settings_of
from telemetry.cli.spool import forget, spool
from telemetry.cli.store import migrate, prune

if TYPE_CHECKING:
    from collections.abc import Sequence


class Commands(click.Group):
    """Turns our own errors into one line and an exit status; a bot's errors pass untouched."""

    def invoke(self, ctx: click.Context) -> Any:
        from exporters.stores.errors import StoreError
        from insights import ReadError

        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            click.echo(f"slashspan: {error}", err=True)
            ctx.exit(USAGE_STATUS)
        except (StoreError, ReadError) as error:
            click.echo(f"slashspan: {error}", err=True)
            ctx.exit(FAILED_STATUS)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="slashspan")
def cli() -> None:
    """Know what a Discord bot's users do, without slowing the bot."""


@cli.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run an unchanged bot with telemetry on.",
)
@env_file_option
@click.option("-m", "module", metavar="MODULE", help="Run a module, as `python -m` does.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[BOT.PY] [ARGUMENTS]...")
def run(module: str | None, arguments: Sequence[str]) -> None:
    """Run an unchanged bot with telemetry on: `slashspan run bot.py …` or `slashspan run -m package …`.

    Each command becomes a span and a row, as the settings say. Exceptions and exit status are the bot's own; Ctrl-C
    and SIGTERM end it tidily, with what was recorded written first.
    """
    from telemetry.cli.run import run as run_bot

    if module is not None:
        run_bot(module, arguments, module=True)
    elif arguments:
        run_bot(arguments[0], arguments[1:], module=False)
    else:
        raise click.UsageError("name the bot: slashspan run bot.py, or slashspan run -m package")


@cli.command(short_help="The reference bot against a local stand-in for Discord.")
@click.option("--commands", default=2000, show_default=True, type=click.IntRange(1), help="How many to send.")
@click.option("--rate", default=200.0, show_default=True, type=click.FloatRange(0.1), help="Commands a second.")
@click.option("--users", default=50, show_default=True, type=click.IntRange(1), help="How many users send them.")
@click.option("--seed", default=1, show_default=True, type=int, help="Which random mix of commands.")
@dsn_option
def demo(commands: int, rate: float, users: int, seed: int, dsn: str | None) -> None:
    """Run the reference bot against a local stand-in for Discord, then show what was recorded.

    Needs the extra `demo`, but neither a token nor a server: the ladder is in a temporary file, the rows go to
    `command_calls.db` unless --dsn says otherwise. Exit status 1 when what was recorded is not what was sent.
    """
    examples = _examples()
    sys.path.insert(0, str(examples))
    try:
        from ladder_demo import run_demo
    except ModuleNotFoundError as error:
        if error.name != "cachetools":
            raise
        raise ConfigurationError("the demo needs an extra: pip install 'slashspan[demo]'") from None

    status = run_demo(
        commands=commands,
        rate=rate,
        users=users,
        seed=seed,
        dsn=settings_of(dsn).dsn.text,
        console=Console(highlight=False),
    )
    sys.exit(status)


def _examples() -> Path:
    """The folder of the examples: in a clone, or inside the installed package."""
    import slashspan

    package = Path(slashspan.__file__).parent
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / "ladder_demo").is_dir():
            return folder
    raise ConfigurationError(f"the examples are missing beside {package}; reinstall slashspan")


@cli.command(short_help="Numbers: calls, users, durations, errors.")
@env_file_option
@dsn_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def stats(dsn: str | None, as_json: bool) -> None:
    """Calls, users, p50/p95 duration and error share of each command, outcomes, slow checkpoints."""
    import insights
    from insights.text import print_summary

    settings = settings_of(dsn)
    with insights.open_reader(settings.dsn, table=settings.table) as reader:
        summary = insights.summary(reader)
    if as_json:
        click.echo(summary.to_json())
    else:
        print_summary(summary, Console(highlight=False))


for command in (doctor, forget, migrate, prune, spool):
    cli.add_command(command)


def main() -> None:
    """Entry point of the `slashspan` command."""
    cli(prog_name="slashspan")
