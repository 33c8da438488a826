"""Under `slashspan run` a bot sees the same as under `python`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipapp
from typing import TYPE_CHECKING, Any

import pytest

from slashspan.telemetry.cli.run import interpreter_flags
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROBE = ROOT / "tests" / "bots" / "probe.py"


def environ(folder: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SLASHSPAN_"))}
    return {
        **inherited,
        "PYTHONHASHSEED": "0",
        "SLASHSPAN_DSN": f"sqlite:///{folder / 'calls.db'}",
        "SLASHSPAN_SPOOL": str(folder / "spool"),
    }


@pytest.fixture
def both(tmp_path: Path) -> Any:
    """Runs a bot with `python` and with `slashspan run`, in a folder of its own."""
    folder = tmp_path / "cwd"
    folder.mkdir()

    def run(
        bot: Sequence[str], flags: Sequence[str] = (), **extra: str
    ) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
        def one(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, *flags, *command],
                cwd=folder,
                env={**environ(tmp_path), **extra},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
            )

        return one(bot), one(["-m", "slashspan", "run", *bot])

    run.folder = folder  # type: ignore[attr-defined]
    return run


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
def test_a_script_sees_what_it_sees_under_python(how: str, both: Any) -> None:
    lay_out(both.folder)
    if how == "a symlink" and sys.platform == "win32":
        pytest.skip("Windows needs a right for symlinks")
    plain, recorded = both(STARTS[how])
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
def test_options_of_python_reach_the_bot(flags: list[str], both: Any) -> None:
    lay_out(both.folder)
    plain, recorded = both(["bot.py"], flags)
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
def test_an_option_that_hides_us_from_the_bot_is_refused(flag: str, both: Any) -> None:
    (both.folder / "bot.py").write_text("", "utf-8")
    _, recorded = both(["bot.py"], [flag])
    assert recorded.returncode == 2
    assert "PYTHONPATH" in recorded.stderr
    assert "slashspan.configure()" in recorded.stderr


def test_another_sitecustomize_runs_as_it_does_without_ours(both: Any, tmp_path: Path) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text("print('customized by', __file__)\n", "utf-8")
    (both.folder / "bot.py").write_text(
        "import sys, discord\nprint(sys.path, sys.modules['sitecustomize'].__file__)\n", "utf-8"
    )
    plain, recorded = both(["bot.py"], PYTHONPATH=str(tmp_path / "path"))
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
def test_discord_is_imported_when_the_bot_imports_it(code: str, both: Any) -> None:
    (both.folder / "bot.py").write_text(code, "utf-8")
    plain, recorded = both(["bot.py"])
    assert plain.returncode == 0, plain.stderr
    assert (recorded.returncode, recorded.stdout, recorded.stderr) == (0, plain.stdout, plain.stderr)
    assert plain.stdout


ENDINGS = {
    "its end": "",
    "exit None": "sys.exit(None)",
    "exit 3": "sys.exit(3)",
    "exit -1": "sys.exit(-1)",
    "exit with a text": "sys.exit('goodbye')",
    "exit with an object": "sys.exit([1])",
    "os._exit": "os._exit(4)",
    "abort": "os.abort()",
    "RuntimeError": "raise RuntimeError('x')",
    "EOFError": "raise EOFError",
    "BrokenPipeError": "raise BrokenPipeError",
    "OSError EPIPE": "raise OSError(errno.EPIPE, 'pipe')",
    "click's Exit": "import click; raise click.exceptions.Exit(5)",
    "click's Abort": "import click; raise click.Abort",
    "click's UsageError": "import click; raise click.UsageError('x')",
    "a ConfigurationError of ours": "from slashspan.errors import ConfigurationError; raise ConfigurationError('x')",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "SIGINT": "signal.raise_signal(signal.SIGINT)",
    "GeneratorExit": "raise GeneratorExit",
    "a syntax error": "1 +",
    "a missing module": "import nosuchmodule",
    "a chained error": "try:\\n    1/0\\nexcept ZeroDivisionError as e:\\n    raise ValueError('x') from e",
    "recursion": "f = lambda: f()\\nf()",
    "an error in an exit handler": "atexit.register(lambda: 1/0)",
    "an error in a thread": "import threading; threading.Thread(target=lambda: 1/0, name='t').start()",
}


@pytest.mark.parametrize("imports", ["", "import discord; "], ids=["", "with discord"])
@pytest.mark.parametrize("how", ENDINGS)
def test_a_script_ends_as_under_python(how: str, imports: str, both: Any) -> None:
    code = ENDINGS[how].replace("\\n", "\n")
    (both.folder / "bot.py").write_text(
        f"import atexit, errno, os, signal, sys; {imports}print('there', flush=True)\n{code}\n", "utf-8"
    )
    plain, recorded = both(["bot.py"])
    assert (recorded.returncode, recorded.stdout) == (plain.returncode, plain.stdout), recorded.stderr
    assert without_addresses(recorded.stderr) == without_addresses(plain.stderr)


def without_addresses(text: str) -> list[str]:
    return [line.partition(" at 0x")[0] for line in text.splitlines()]


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
def test_a_bot_that_uses_our_names_may_import_them_first(first: str, both: Any) -> None:
    code = "import discord, slashspan\nprint(slashspan.DiscordInstrumentor().is_instrumented_by_opentelemetry)\n"
    (both.folder / "bot.py").write_text(f"{first}\n{code}", "utf-8")
    _, recorded = both(["bot.py"])
    ignored = "slashspan is already configured; ignored in this call: service_name\n"
    assert recorded.stdout == "True\n"
    assert recorded.stderr == (ignored if "service_name" in first else "")


def test_a_command_of_ours_that_a_bot_starts_records_nothing(both: Any) -> None:
    code = (
        "import subprocess, sys\n"
        "code = 'import sys, slashspan.telemetry.cli, discord; from slashspan import DiscordInstrumentor as d;"
        " print(d().is_instrumented_by_opentelemetry)'\n"
        "subprocess.run([sys.executable, '-c', code], check=True)\n"
    )
    (both.folder / "bot.py").write_text(code, "utf-8")
    _, recorded = both(["bot.py"])
    assert (recorded.stdout, recorded.stderr) == ("False\n", "")
