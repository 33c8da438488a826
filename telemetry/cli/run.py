"""`slashspan run`: an unchanged bot, as `python` would run it, with telemetry on."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dotenv import dotenv_values

from slashspan.errors import ConfigurationError
from telemetry.setup import pipeline, signals

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

OWN_PACKAGES: Final = ("telemetry", "exporters", "insights", "slashspan")


def load_env_file(path: Path, environ: MutableMapping[str, str]) -> None:
    """Add the file's variables to `environ`; one that is set already wins. Raises ConfigurationError."""
    if not path.is_file():
        raise ConfigurationError(f"--env-file {path}: there is no such file")
    for name, value in dotenv_values(path, encoding="utf-8").items():
        if value is None:
            raise ConfigurationError(f"--env-file {path}: {name} has no value; write {name}=…")
        environ.setdefault(name, value)


def default_service_name(target: str, environ: Mapping[str, str]) -> str | None:
    """The bot's file or module name, unless OpenTelemetry's own variables name the service."""
    if environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        return None
    return Path(target).stem


def run(target: str, arguments: Sequence[str], *, module: bool) -> None:
    """Run a script, or a module as `python -m` does, and flush whatever way it ends.

    Its exceptions and exit status pass through; a SIGTERM ends it as Ctrl-C would and leaves status 143.
    """
    if not module and not Path(target).is_file():
        raise ConfigurationError(f"{target}: there is no such file; for a module write: slashspan run -m {target}")
    _refuse_shadowed_names(Path.cwd() if module else Path(target).resolve().parent)
    terminated = False

    def note_termination() -> None:
        nonlocal terminated
        terminated = True

    handle = pipeline.configure(service_name=default_service_name(target, os.environ))
    signals.on_sigterm(note_termination)
    sys.argv = [target, *arguments]
    try:
        if module:
            sys.path.insert(0, str(Path.cwd()))
            runpy.run_module(target, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(target).resolve().parent))
            runpy.run_path(target, run_name="__main__")
    except KeyboardInterrupt:
        sys.exit(signals.EXIT_STATUS if terminated else 130)
    finally:
        handle.shutdown()
    if terminated:
        sys.exit(signals.EXIT_STATUS)


def _refuse_shadowed_names(folder: Path) -> None:
    """A bot's own `telemetry.py` would be hidden by ours, and fail in ways hard to read."""
    for name in OWN_PACKAGES:
        own = folder / name
        if ((folder / f"{name}.py").is_file() or (own / "__init__.py").is_file()) and not _is_ours(own):
            raise ConfigurationError(
                f"{folder} holds a module named {name!r}, which slashspan's own would hide; rename it"
            )


def _is_ours(package: Path) -> bool:
    module = sys.modules.get(package.name)
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).parent == package
