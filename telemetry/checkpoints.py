"""`telemetry.checkpoint`: named moments inside a user action, with a warning for the slow ones."""

from __future__ import annotations

import logging
from typing import Final

from slashspan import semconv
from slashspan.semconv import Kind
from telemetry._guard import guarded
from telemetry.action import Action, current_action

_log = logging.getLogger("slashspan.checkpoint")
_SIGN: Final = "⚠️ "

_slow_ms = 100.0


def set_slow_ms(milliseconds: float) -> None:
    """From which step on a checkpoint is slow (`SLASHSPAN_SLOW_CHECKPOINT_MS`)."""
    global _slow_ms
    _slow_ms = milliseconds


def checkpoint(name: str) -> None:
    """Note that the running command has got as far as `name`: a span event, and an entry in the row's `checkpoints`.

    A step (since the checkpoint before, or the receive) longer than `SLASHSPAN_SLOW_CHECKPOINT_MS` is logged as a
    warning. Outside a command, and after its end, it does nothing. Never raises.
    """
    action = current_action.get()
    if action is not None and not action.ended:
        _mark(action, name)


@guarded
def _mark(action: Action, name: str) -> None:
    at = action.elapsed_ns()
    step_ms = (at - action.last_checkpoint_ns) / 1e6
    action.last_checkpoint_ns = at
    action.span.add_event(
        name,
        {semconv.CHECKPOINT_AT_MS: at / 1e6, semconv.CHECKPOINT_STEP_MS: step_ms},
        timestamp=action.frame.wall_ns + at,
    )
    if step_ms > _slow_ms:
        source = "message" if action.kind == Kind.PREFIX else "interaction"
        path = ".".join((source, *action.command.split(), name))
        _log.warning("%sSlow checkpoint: %s took %.2fms", _SIGN if _sign_fits() else "", path, step_ms)


def _sign_fits() -> bool:
    """Whether every handler that will write the warning can encode the sign; a Windows console often cannot."""
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
