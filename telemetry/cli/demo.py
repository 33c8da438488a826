"""`slashspan demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from slashspan.errors import ConfigurationError
from slashspan.telemetry.cli.options import dsn_option, settings_of
from slashspan.telemetry.cli.output import console, progress


@click.command(short_help="The reference bot against a local stand-in for Discord.")
@click.option("--commands", default=2000, show_default=True, type=click.IntRange(1), help="Number of commands.")
@click.option("--rate", default=200.0, show_default=True, type=click.FloatRange(0.1), help="Commands per second.")
@click.option("--users", default=50, show_default=True, type=click.IntRange(1), help="Number of users who send them.")
@click.option("--seed", default=1, show_default=True, type=int, help="Seed of the random mix of commands.")
@click.option("--history", metavar="DURATION", help="Instead, fill an empty table with a plausible past: 90d, 12w, 1y.")
@dsn_option
def demo(commands: int, rate: float, users: int, seed: int, history: str | None, dsn: str | None) -> None:
    """Run the reference bot against a local stand-in for Discord, then show what was recorded.

    Needs the extra `demo`, but neither a token nor a server: the ladder is in a temporary file, and rows are written to
    `command_calls.db` unless --dsn names another store. Exit status 1 if what was recorded differs from what was sent.
    """
    examples = _examples()
    sys.path.insert(0, str(examples))
    try:
        from ladder_demo import fill, run_demo
    except ModuleNotFoundError as error:
        if error.name != "cachetools":
            raise
        raise ConfigurationError("the demo needs an extra: pip install 'slashspan[demo]'") from None

    target = settings_of(dsn).dsn.text
    if history is not None:
        from slashspan.exporters.admin.durations import parse_duration

        days = parse_duration(history).days
        sys.exit(fill(target, days=days, seed=seed, console=console(), progress=progress("rows")))
    status = run_demo(
        commands=commands,
        rate=rate,
        users=users,
        seed=seed,
        dsn=target,
        console=console(),
    )
    sys.exit(status)


def _examples() -> Path:
    """The folder of the examples: in a clone, or inside the installed package."""
    import slashspan

    package = Path(slashspan.__file__).parent
    for folder in (package / "examples", package.parents[1] / "examples"):
        if (folder / "ladder_demo").is_dir():
            return folder
    raise ConfigurationError(f"the examples are missing next to {package}; reinstall slashspan")
