"""Under `slashspan run` a bot ends as under `python`: output, traceback and exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from tests.support.run_as_python import Bots

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


def write_ending(bots: Bots, how: str, imports: str = "") -> None:
    code = ENDINGS[how].replace("\\n", "\n")
    (bots.folder / "bot.py").write_text(
        f"import atexit, errno, os, signal, sys; {imports}print('there', flush=True)\n{code}\n", "utf-8"
    )


def assert_ended_alike(recorded: subprocess.CompletedProcess[str], plain: subprocess.CompletedProcess[str]) -> None:
    assert (recorded.returncode, recorded.stdout) == (plain.returncode, plain.stdout), recorded.stderr
    assert without_addresses(recorded.stderr) == without_addresses(plain.stderr)


@pytest.mark.parametrize("how", ENDINGS)
def test_a_script_ends_as_under_python(how: str, bots: Bots) -> None:
    write_ending(bots, how)
    plain = bots.plain("bot.py")
    assert plain.stdout == "there\n" or how == "a syntax error"
    assert_ended_alike(bots.as_run_does("bot.py"), plain)
    assert not bots.spool.exists()
    write_ending(bots, how, imports="import discord; ")
    assert_ended_alike(bots.as_run_does("bot.py"), plain)
    assert bots.spool.exists() or how == "a syntax error"  # the table comes later, from a thread


@pytest.mark.parametrize(
    "how", ["exit 3", "exit with a text", "os._exit", "abort", "RuntimeError", "click's Exit", "SIGINT"]
)
def test_slashspan_itself_ends_as_the_script_does(how: str, bots: Bots) -> None:
    write_ending(bots, how)
    assert_ended_alike(bots.run("bot.py"), bots.plain("bot.py"))


def without_addresses(text: str) -> list[str]:
    return [line.partition(" at 0x")[0] for line in text.splitlines()]
