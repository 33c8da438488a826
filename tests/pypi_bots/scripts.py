"""The bots, how each is started, what users do in them, and what the rows must say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HERE: Final = ROOT / "tests" / "pypi_bots"
NOT_FOUND: Final = "discord.ext.commands.errors.CommandNotFound"
CHECK: Final = "discord.ext.commands.errors.CheckFailure"
NOT_OWNER: Final = "discord.ext.commands.errors.NotOwner"
MISSING: Final = "discord.ext.commands.errors.MissingRequiredArgument"


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a user, and its row."""

    does: str
    """A message, or for a button its label; `{prefix}` is filled in."""
    command: str
    outcome: str = "ok"
    error_type: str | None = None
    kind: str = "prefix"
    by: str = "owner"
    silent: bool = False
    """The bot does not answer."""
    on: int = -1
    """For a button: which step's message holds it, counted from this one."""
    ends: bool = False
    """The bot ends itself here; otherwise it ends by Ctrl-C after the last step."""


@dataclass(frozen=True, slots=True)
class Bot:
    """One bot of PyPI."""

    name: str
    arguments: tuple[str, ...]
    steps: tuple[Step, ...]
    prefix: str = "!"
    log: str | None = None
    """A file in which `prefix` is found, as a regular expression with one group."""

    @property
    def python(self) -> Path:
        return ROOT / ".cache" / "bots" / self.name / "bin" / "python"


TURN: Final = Step("\u200b", "TTTButton", kind="component")
"""On the first free square, which shows a zero-width space."""

RED: Final = Bot(
    "red",
    ("-m", "redbot", "--no-instance", "--token", "token", "--prefix", "!", "--no-prompt", "--no-cogs"),
    (
        Step("!ping", "ping"),
        Step("!load general", "load"),
        Step("!choose tea coffee", "choose"),
        Step("!choose tea", "choose"),
        Step("!roll 20", "roll"),
        Step("!roll many", "roll", "rejected", "discord.ext.commands.errors.BadArgument"),
        Step("!flip", "flip"),
        Step("!rps rock", "rps"),
        Step("!8 will it work?", "8"),
        Step("!8", "8", "rejected", MISSING),
        Step("!nosuch", "", "not_found", NOT_FOUND, silent=True),
        Step(
            "!load general", "load", "rejected", "discord.ext.commands.errors.CheckFailure", by="stranger", silent=True
        ),
        # Its buttons wait to be pressed until the bot ends.
        Step("!set api", "set api", "cancelled", "asyncio.exceptions.CancelledError"),
        Step("!embedset showsettings", "embedset showsettings"),
        Step("!help choose", "help"),
        Step("!licenseinfo", "licenseinfo"),
        Step("!unload general", "unload"),
        Step("!flip", "", "not_found", NOT_FOUND, silent=True),
        Step("!restart", "restart", "cancelled", "SystemExit", ends=True),
    ),
)
JISHAKU: Final = Bot(
    "jishaku",
    ("-m", "jishaku", "-s", "-l", "bot.log", "--", "+message_content", "token"),
    (
        Step("{prefix}jsk py 1 + 1", "jishaku py"),
        Step("{prefix}jsk py await _ctx.send('from within')", "jishaku py"),
        Step("{prefix}jsk py 1 / 0", "jishaku py", silent=True),
        Step("{prefix}jsk py yield 3", "jishaku py"),
        Step("{prefix}jsk cat bot.py", "jishaku cat"),
        Step("{prefix}jsk dis 1", "jishaku dis"),
        Step("{prefix}jsk py", "jishaku py", "rejected", MISSING, silent=True),
        Step(
            "{prefix}jsk tasks",
            "jishaku tasks",
            "rejected",
            "discord.ext.commands.errors.NotOwner",
            by="stranger",
            silent=True,
        ),
        Step("{prefix}help jsk", "help"),
        Step("{prefix}nosuch", "", "not_found", NOT_FOUND, silent=True),
        Step("{prefix}jsk shutdown", "jishaku shutdown", ends=True),
    ),
    prefix=r"`([0-9a-f-]{36}::)jsk",
    log="bot.log",
)
GAMES: Final = Bot(
    "games",
    (str(HERE / "games.py"),),
    (
        Step("rules", "rules", kind="slash"),
        Step("!rules", "rules"),
        Step("!sync", "sync"),
        Step("!tictactoe", "tictactoe"),
        Step("\u200b", "TTTButton", kind="component", by="stranger"),  # it is not their game
        Step("\u200b", "TTTButton", kind="component", on=-2),
        *[TURN] * 2,
        Step("!rps", "rps"),
        Step("", "RPSButton", kind="component"),
        Step("!repeat many", "repeat", "rejected", "discord.ext.commands.errors.BadArgument", silent=True),
        Step("!repeat", "repeat", "rejected", MISSING, silent=True),
        Step("!chess", "", "not_found", NOT_FOUND, silent=True),
    ),
)
ALL: Final = (RED, JISHAKU, GAMES)
