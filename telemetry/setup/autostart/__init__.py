"""Starts recording in a process whose code does not.

`slashspan run` sets the environment. `path/sitecustomize.py` is imported when Python starts and calls `start` when the
bot first imports discord. Child processes inherit the environment: shards that a bot starts, and a bot that replaces
itself by `os.execv`, are recorded as well, under the same service name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = Path(__file__).with_name("path")

_log = logging.getLogger("slashspan")
_terminated = False


def environment(environ: Mapping[str, str], service: str | None) -> dict[str, str]:
    """`environ` with variables that make a Python process record; `service` None: as OpenTelemetry names it."""
    path = environ.get("PYTHONPATH", "")
    entries = path.split(os.pathsep) if path else []
    if str(FOLDER) not in entries:
        entries.insert(0, str(FOLDER))
    added = {"PYTHONPATH": os.pathsep.join(entries)}
    if service is not None:
        from slashspan import service_name

        added[service_name.VARIABLE] = service
    return {**environ, **added}


def start(*, check_store: bool = True) -> None:
    """Start recording. Never raises: an error is logged in one line, and the bot runs without recording."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `python -W error` is meant for the bot, not for what we import
        from slashspan import service_name
        from slashspan.errors import ConfigurationError
        from slashspan.standard.check import before_import
        from slashspan.telemetry.setup import last_resort

        last_resort.install()
        try:
            before_import(os.environ)
            from slashspan.telemetry.setup import children, pipeline, signals

            name = os.environ.get(service_name.VARIABLE)
            telemetry = pipeline.configure(service_name=name, check_store=check_store)
        except ConfigurationError as error:
            _log.error("slashspan does not record: %s", error)
            return
        except Exception:  # noqa: BLE001 - the bot runs all the same
            _log.exception("slashspan does not record; please report it")
            return
    if not telemetry.settings.off and not children.is_child():  # which `Process.terminate()` must end as usual
        signals.on_sigterm(_note_termination)


def end() -> None:
    """The last of all exit handlers: a bot ended by SIGTERM exits with the corresponding status."""
    if _terminated:
        from slashspan.telemetry.setup import signals

        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(signals.EXIT_STATUS)


def _note_termination() -> None:
    global _terminated
    _terminated = True
