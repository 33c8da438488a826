"""Children of multiprocessing. They end with `os._exit`, without exit handlers: the shutdown is a finalizer there."""

from __future__ import annotations

import sys
import threading
from multiprocessing import util
from typing import TYPE_CHECKING, Final

from slashspan.telemetry.setup import signals

if TYPE_CHECKING:
    from slashspan.telemetry.setup.handle import Telemetry

AFTER_OTHERS: Final = -100
"""Priority among multiprocessing's finalizers: those of the bot come first."""


def is_child() -> bool:
    """Whether multiprocessing has started this process."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        return True
    # A spawned child that is still starting can only be recognised by its command line.
    return "-c" in sys.orig_argv and any(word.startswith("from multiprocessing.") for word in sys.orig_argv)


def shut_down_in(telemetry: Telemetry) -> None:
    """Shut `telemetry` down at the end of this process if it is a child, and of children that are forked later.

    A worker that has recorded nothing is left alone. `Process.terminate()` ends a forked child as usual.
    """
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
    if is_child():  # or discord was imported after the child began
        util.Finalize(None, finish, exitpriority=AFTER_OTHERS)
