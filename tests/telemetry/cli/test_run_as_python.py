"""Under `slashspan run` a bot sees the same as under `python`."""

from __future__ import annotations

import json
import shutil
import sys
import zipapp
from typing import TYPE_CHECKING

import pytest

from slashspan.telemetry.cli.run import interpreter_flags
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.run_as_python import Bots

PROBE = ROOT / "tests" / "bots" / "probe.py"


def lay_out(folder: Path) -> None:
    """The probe in every place from which Python can run it."""
    shutil.copy(PROBE, folder / "bot.py")
    (folder / "src").mkdir()
    shutil.copy(PROBE, folder / "src" / "bot.py")
    for package in ("package", "folder"):
        (folder / package).mkdir()
        shutil.copy(PROBE, folder / package / "__main__.py")
    (folder / "package" / "__init__.py").write_text("", "utf-8")
    shutil.copy(PROBE, folder / "package" / "part.py")
    zipapp.create_archive(folder / "folder", folder / "bot.pyz")
    if sys.platform != "win32":
        (folder / "link.py").symlink_to(folder / "src" / "bot.py")


STARTS = {
    "a script": ["bot.py"],
    "with arguments": ["bot.py", "-m", "--flag", "", "a b", "--", "-h"],
    "a script in a folder": ["src/bot.py"],
    "a script through the parent": ["src/../bot.py", "x"],
    "a symlink": ["link.py"],
    "a folder": ["folder", "x"],
    "this folder's package": ["-m", "package", "-x"],
    "a module of a package": ["-m", "package.part"],
    "a zip file": ["bot.pyz"],
}


@pytest.mark.parametrize("how", STARTS)
def test_a_script_sees_what_it_sees_under_python(how: str, bots: Bots) -> None:
    lay_out(bots.folder)
    if how == "a symlink" and sys.platform == "win32":
        pytest.skip("Windows needs a right for symlinks")
    plain, recorded = bots.plain(*STARTS[how]), bots.run(*STARTS[how])
    assert plain.returncode == 0, plain.stderr
    assert (recorded.returncode, recorded.stderr) == (0, plain.stderr)
    assert json.loads(recorded.stdout) == json.loads(plain.stdout)


@pytest.mark.parametrize(
    "flags",
    [
        ["-O"],
        ["-u", "-W", "error::ImportWarning"],
        ["-X", "dev"],
        ["-b", "-s", "-Wignore::DeprecationWarning"],
        ["-OO", "-q"],
    ],
    ids=" ".join,
)
def test_options_of_python_reach_the_bot(flags: list[str], bots: Bots) -> None:
    lay_out(bots.folder)
    plain, recorded = bots.plain(*flags, "bot.py"), bots.run("bot.py", flags=flags)
    assert recorded.returncode == 0, recorded.stderr
    assert json.loads(recorded.stdout) == json.loads(plain.stdout)


@pytest.mark.parametrize(
    ("command", "argv", "flags"),
    [
        (["python", "/bin/slashspan", "run", "b.py"], ["/bin/slashspan", "run", "b.py"], []),
        (["python", "-m", "slashspan", "run"], ["cli", "run"], []),
        (["python", "-O", "-m", "slashspan", "run"], ["cli", "run"], ["-O"]),
        (["python", "-Om", "slashspan", "run"], ["cli", "run"], ["-O"]),
        (["python", "-W", "error", "/bin/slashspan", "run"], ["/bin/slashspan", "run"], ["-W", "error"]),
    ],
)
def test_python_options_are_separated_from_the_program(command: list[str], argv: list[str], flags: list[str]) -> None:
    assert interpreter_flags(command, argv) == flags


@pytest.mark.parametrize("flag", ["-I", "-E"])
def test_an_option_that_hides_us_from_the_bot_is_refused(flag: str, bots: Bots) -> None:
    (bots.folder / "bot.py").write_text("", "utf-8")
    recorded = bots.run("bot.py", flags=[flag])
    assert recorded.returncode == 2
    assert "PYTHONPATH" in recorded.stderr
    assert "slashspan.configure()" in recorded.stderr


def test_another_sitecustomize_runs_as_it_does_without_ours(bots: Bots, tmp_path: Path) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text("print('customized by', __file__)\n", "utf-8")
    (bots.folder / "bot.py").write_text(
        "import sys, discord\nprint(sys.path, sys.modules['sitecustomize'].__file__)\n", "utf-8"
    )
    path = {"PYTHONPATH": str(tmp_path / "path")}
    plain, recorded = bots.plain("bot.py", **path), bots.run("bot.py", **path)
    assert "customized by" in plain.stdout
    # `slashspan` is a Python process itself, and is customized first.
    assert recorded.stdout == plain.stdout.splitlines(keepends=True)[0] + plain.stdout


LOGGERS = """
import logging

class Mine(logging.Logger):
    pass

logging.setLoggerClass(Mine)
import warnings
warnings.simplefilter("ignore", ResourceWarning)
warnings.filterwarnings("error", message="of the bot's")
filters = list(warnings.filters)
import discord
from discord.ext import commands, tasks
assert warnings.filters == filters
for name in sorted(logging.root.manager.loggerDict):
    if name.startswith("discord"):
        print(name, type(logging.getLogger(name)).__name__)
"""

IMPORTS = """
import sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("discord", "aiohttp"):
            seen.append(name)

seen = []
sys.meta_path.insert(0, Watch())
import discord
print(discord.__loader__.__class__, vars(discord.__loader__), discord.__spec__.origin)
print(seen[0], discord.__spec__.loader is discord.__loader__)
"""

POLICY = """
import asyncio

class Policy(asyncio.DefaultEventLoopPolicy):
    pass

asyncio.set_event_loop_policy(Policy())
import discord
print(type(asyncio.get_event_loop_policy()).__name__)

async def main():
    print(type(asyncio.get_running_loop()).__name__)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "code", [LOGGERS, IMPORTS, POLICY], ids=["logger classes and filters", "loaders", "event loop policy"]
)
def test_discord_is_imported_when_the_bot_imports_it(code: str, bots: Bots) -> None:
    (bots.folder / "bot.py").write_text(code, "utf-8")
    plain, recorded = bots.plain("bot.py"), bots.as_run_does("bot.py")
    assert plain.returncode == 0, plain.stderr
    assert (recorded.returncode, recorded.stdout, recorded.stderr) == (0, plain.stdout, plain.stderr)
    assert plain.stdout


@pytest.mark.parametrize(
    "first",
    [
        "from slashspan import checkpoint",
        "from slashspan.telemetry.setup.pipeline import configure",
        "from slashspan.telemetry.instrument.checkpoints import checkpoint",
        "import slashspan; slashspan.configure(service_name='own')",
        "import slashspan",
    ],
)
def test_a_bot_that_uses_our_names_may_import_them_first(first: str, bots: Bots) -> None:
    code = "import discord, slashspan\nprint(slashspan.DiscordInstrumentor().is_instrumented_by_opentelemetry)\n"
    (bots.folder / "bot.py").write_text(f"{first}\n{code}", "utf-8")
    recorded = bots.as_run_does("bot.py")
    ignored = "slashspan is already configured; ignored in this call: service_name\n"
    assert recorded.stdout == "True\n"
    assert recorded.stderr == (ignored if "service_name" in first else "")


def test_a_command_of_ours_that_a_bot_starts_records_nothing(bots: Bots) -> None:
    code = (
        "import subprocess, sys\n"
        "code = 'import sys, slashspan.telemetry.cli, discord; from slashspan import DiscordInstrumentor as d;"
        " print(d().is_instrumented_by_opentelemetry)'\n"
        "subprocess.run([sys.executable, '-c', code], check=True)\n"
    )
    (bots.folder / "bot.py").write_text(code, "utf-8")
    recorded = bots.as_run_does("bot.py")
    assert (recorded.stdout, recorded.stderr) == ("False\n", "")
