"""The code blocks of the documentation, and how they are run.

The word after the opening ``` says what a block is:

- `console`: `$ command` lines, which are run one after the other in the page's folder. What follows a command is its
  output; `…` stands for any text, and a line of `…` alone for any lines. Without output, only the exit status counts.
- `python`, `env`, `yaml`, `ini`: a file, if the first line is a comment with its name; otherwise Python is run.
- `sh`: commands for a machine that tests do not have; `sql`, `promql`, `text`: not commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from discord_standin import StandIn, User

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE_NAME: Final = re.compile(r"# ([\w.-]+\.\w+)\n")
REDIRECTED: Final = ROOT / "tests" / "support" / "redirected"
SECONDS: Final = 100.0
ALICE: Final = 80351110224678912
BOB: Final = 80351110224678913
"""Users whom the pages name by their ids."""


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The name of the file that the block is, if it says so."""
        found = FILE_NAME.match(self.text)
        return found[1] if found else None


def blocks(document: Path) -> Iterator[Block]:
    text = document.read_text("utf-8")
    for found in FENCE.finditer(text):
        yield Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)


def steps(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a console block, and the output that the page shows for it."""
    first, *parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not first, "a console block starts with `$ `"
    for part in parts:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = f"{command}\n{more}"
        yield command, output


def matches(expected: str, output: str) -> bool:
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", ".*") + r"\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in output.splitlines())) is not None


class Reader:
    """Does what a page says, in a folder of its own. Users act on every bot that is started, until Ctrl-C."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self._environ = dict(environ)

    async def follow(self, document: Path) -> None:
        for block in blocks(document):
            where = f"{document.name}:{block.line}"
            if block.file is not None:
                (self.folder / block.file).write_text(block.text, "utf-8")
            elif block.language == "python":
                (self.folder / "snippet.py").write_text(block.text, "utf-8")
                await self._run("python snippet.py", "", where)
            elif block.language == "console":
                for command, expected in steps(block):
                    await self._run(command, expected, where)

    async def _run(self, command: str, expected: str, where: str) -> None:
        status, output = await self._execute(command)
        assert status == 0, f"{where}: `{command}` ended with status {status}:\n{output}"
        assert not expected or matches(expected, output), f"{where}: `{command}` printed:\n{output}"

    async def _execute(self, command: str) -> tuple[int | None, str]:
        async with StandIn() as discord:
            process = await asyncio.create_subprocess_shell(
                f"trap : INT\n{command}",  # a Ctrl-C in the terminal ends the command, and not the shell
                cwd=self.folder,
                env={**self._environ, **discord.environ},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            users = asyncio.create_task(_act_and_interrupt(discord, process.pid))
            try:
                output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
                if users.done():
                    await users
            finally:
                users.cancel()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            return process.returncode, output.decode("utf-8", "replace")


async def _act_and_interrupt(discord: StandIn, group: int) -> None:
    """Call every command that the bot has synced, as two users, and press Ctrl-C in the terminal."""
    await discord.ready(SECONDS)
    try:
        await discord.idle()
        synced = [command["name"] for command in discord.ledger.commands if command.get("type", 1) == 1]
        for user in (User(ALICE, "alice"), User(BOB, "bob")):
            for name in synced or ["ping"]:
                action = await discord.slash(name, user=user)
                await action.answered()
        await discord.idle()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGINT)


def environment(home: Path) -> dict[str, str]:
    """A reader's terminal: the environment in which the tests run, without settings, and a bot's token."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SLASHSPAN_"))}
    return {
        **inherited,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": str(REDIRECTED),
        "HOME": str(home),
        "COLUMNS": "100",
        "DISCORD_TOKEN": "token",
        # The tests' environment has opentelemetry-distro as well.
        "OTEL_PYTHON_DISTRO": "slashspan",
    }
