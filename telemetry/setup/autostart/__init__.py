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
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.telemetry.setup.pipeline import Telemetry

FOLDER: Final = Path(__file__).with_name("path")
AFTER_OTHERS: Final = -100
"""Priority among multiprocessing's finalizers: those of the bot come first."""

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
            from slashspan.telemetry.setup import pipeline, signals

            name = os.environ.get(service_name.VARIABLE)
            telemetry = pipeline.configure(service_name=name, check_store=check_store)
        except ConfigurationError as error:
            _log.error("slashspan does not record: %s", error)
            return
        except Exception:  # noqa: BLE001 - the bot runs all the same
            _log.exception("slashspan does not record; please report it")
            return
    if not telemetry.settings.off:
        if not _is_multiprocessing_child():
            signals.on_sigterm(_note_termination)
        _follow_multiprocessing(telemetry)


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


def _is_multiprocessing_child() -> bool:
    """`Process.terminate()` must end such a process as usual."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        return True
    # A spawned child that is still starting can only be recognised by its command line.
    return "-c" in sys.orig_argv and any(word.startswith("from multiprocessing.") for word in sys.orig_argv)


def _follow_multiprocessing(telemetry: Telemetry) -> None:
    """Children of multiprocessing end with `os._exit`, without exit handlers, so the shutdown is a finalizer."""
    from multiprocessing import util

    from slashspan.telemetry.setup import signals

    recorded = telemetry.recorded

    def finish() -> None:
        if recorded is None or telemetry.recorded != recorded:
            for thread in threading.enumerate():  # multiprocessing waits for them after its finalizers
                if not thread.daemon and thread is not threading.current_thread():
                    thread.join()
            telemetry.shutdown()

    def in_child(_: Telemetry) -> None:
        nonlocal recorded
        recorded = telemetry.recorded
        signals.restore_sigterm()
        util.Finalize(None, finish, exitpriority=AFTER_OTHERS)

    util.register_after_fork(telemetry, in_child)
    if _is_multiprocessing_child():  # or discord was imported after the child began
        util.Finalize(None, finish, exitpriority=AFTER_OTHERS)
