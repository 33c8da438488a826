"""`slashspan.checkpoint`: named steps of a user action, with a warning for slow ones."""

from __future__ import annotations

import logging
from typing import Final

from slashspan import semconv
from slashspan.guard import guarded
from slashspan.telemetry.instrument.action import Action, current_action
from slashspan.telemetry.instrument.flows import Flow, current_flow

_log = logging.getLogger("slashspan.checkpoint")
_SIGN: Final = "⚠️ "

_slow_ms = 100.0


def set_slow_ms(milliseconds: float) -> None:
    """Longer steps are slow (`SLASHSPAN_SLOW_CHECKPOINT_MS`)."""
    global _slow_ms
    _slow_ms = milliseconds


def checkpoint(name: str) -> None:
    """Record that the running command has reached `name`: a span event, and an entry in the row's `checkpoints`.

    A step (since the previous checkpoint, or the receipt) longer than `SLASHSPAN_SLOW_CHECKPOINT_MS` is logged as a
    warning. Inside a `flow` the checkpoint belongs to the flow. Outside of both it does nothing. Never raises.
    """
    running = current_flow.get() or current_action.get()
    if running is not None and not running.ended:
        _mark(running, name)


@guarded
def _mark(running: Action | Flow, name: str) -> None:
    at = running.elapsed_ns()
    step_ms = (at - running.last_checkpoint_ns) // 1000 / 1000  # whole µs, so that nothing after this has to round
    running.last_checkpoint_ns = at
    attributes = {semconv.CHECKPOINT_AT_MS: at // 1000 / 1000, semconv.CHECKPOINT_STEP_MS: step_ms}
    if isinstance(running, Action):
        running.record.add_checkpoint(name, attributes)
    running.span.add_event(name, attributes, timestamp=running.started_ns + at)
    if step_ms > _slow_ms:
        path = f"{running.path}.{name}"
        _log.warning("%sSlow checkpoint: %s took %.2fms", _SIGN if _sign_fits() else "", path, step_ms)


def _sign_fits() -> bool:
    """Whether every handler of the warning can encode the sign; a Windows console often cannot."""
    logger: logging.Logger | None = _log
    found = False
    while logger is not None:
        for handler in logger.handlers:
            found = True
            if not _encodes(handler):
                return False
        logger = logger.parent if logger.propagate else None
    return found or logging.lastResort is None or _encodes(logging.lastResort)


def _encodes(handler: logging.Handler) -> bool:
    encoding = getattr(getattr(handler, "stream", None), "encoding", None)
    if not isinstance(encoding, str):
        return True
    try:
        _SIGN.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
