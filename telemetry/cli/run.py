"""`slashspan run`: lets `python` itself run the bot, in an environment that makes it record.

This process checks the settings and the table, and then replaces itself with `python bot.py …`. So `__file__`,
`sys.path`, tracebacks, signals and the exit status are those of Python, with nothing of ours in between.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import warnings
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dotenv import dotenv_values
from dotenv.parser import parse_stream

import slashspan
from slashspan import service_name
from slashspan.errors import ConfigurationError
from slashspan.telemetry.setup import autostart, pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence


def load_env_file(path: Path, environ: MutableMapping[str, str]) -> None:
    """Add the file's variables to `environ`, except for those that are already set. Raises ConfigurationError."""
    if not path.is_file():
        raise ConfigurationError(f"--env-file {path}: there is no such file")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--env-file {path} cannot be read as UTF-8 text: {error}") from error
    if "\0" in text:
        raise ConfigurationError(f"--env-file {path} is not a text file")
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            raise ConfigurationError(f"--env-file {path}: line {binding.original.line} is not NAME=value")
    for name, value in dotenv_values(stream=StringIO(text)).items():
        if value is None:
            raise ConfigurationError(f"--env-file {path}: {name} has no value; write {name}=…")
        environ.setdefault(name, value)


def default_service_name(target: str, environ: Mapping[str, str], *, module: bool) -> str | None:
    """The name of the bot's file or module, unless OpenTelemetry's variables name the service."""
    if service_name.is_given(environ):
        return None
    return service_name.of_module(target) if module else Path(target).absolute().stem


def run(target: str, arguments: Sequence[str], *, module: bool) -> NoReturn:
    """Become `python target …`, or `python -m target …`, with recording enabled. Raises ConfigurationError."""
    if not module and not Path(target).exists():
        module_hint = "" if target.endswith(".py") else f"; for a module write: slashspan run -m {target}"
        raise ConfigurationError(f"{target}: there is no such file in {Path.cwd()}{module_hint}")
    if sys.flags.ignore_environment or sys.flags.no_site:
        raise ConfigurationError(
            "the bot is reached through PYTHONPATH and sitecustomize, which Python's options -E, -I and -S turn off; "
            "leave them out, or call slashspan.configure() in the bot"
        )
    folder = Path(target).resolve()
    _refuse_shadowed_name(Path.cwd() if module else folder if folder.is_dir() else folder.parent)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing here needs cleaning up, and nothing can swallow a Ctrl-C
    warnings.simplefilter("ignore")  # `python -W error` is meant for the bot
    settings = pipeline.check(os.environ)
    environ = dict(os.environ)
    if not settings.off:
        environ = autostart.environment(environ, default_service_name(target, environ, module=module))
    flags = interpreter_flags(sys.orig_argv, sys.argv)
    _become([sys.executable, *flags, *(["-m"] if module else []), target, *arguments], environ)


def interpreter_flags(command: Sequence[str], argv: Sequence[str]) -> list[str]:
    """The options of Python itself in `command` (`sys.orig_argv`), such as `-O`, `-u` and `-W error`; for the bot."""
    head = list(command[1 : len(command) - len(argv) + 1])
    program = head.pop() if head else ""  # our script, or the module after -m
    if head and not program.startswith("-") and head[-1].startswith("-") and head[-1].endswith("m"):
        together = head.pop()[:-1]  # `-m` alone, or the end of options written in one word: `-Om`
        head += [together] if together != "-" else []
    return head


def _become(command: list[str], environ: Mapping[str, str]) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if os.name != "nt":
        os.execve(command[0], command, environ)  # noqa: S606 - that is the purpose
    # On Windows exec starts another process and ends this one at once; to a shell the bot seems to have ended.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the bot gets the same Ctrl-C
    sys.exit(subprocess.call(command, env=dict(environ)))  # noqa: S603 - the user's own command


def _refuse_shadowed_name(folder: Path) -> None:
    """A bot's own `slashspan.py` would hide ours, and cause errors that are hard to understand."""
    own = folder / "slashspan"
    if (own.with_suffix(".py").is_file() or (own / "__init__.py").is_file()) and Path(slashspan.__file__).parent != own:
        raise ConfigurationError(f"{folder} contains a module named 'slashspan', which would hide ours; rename it")
