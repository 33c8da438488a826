"""What a bot imports (`configure`, `checkpoint`, `flow`, `DiscordInstrumentor`), and the distribution's version.

The modules below are the vocabulary that our packages share, `slashspan.semconv` for example. Importing them must not
import discord or OpenTelemetry, so the public names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telemetry.instrument.checkpoints import checkpoint
    from telemetry.instrument.flows import flow
    from telemetry.instrument.instrumentor import DiscordInstrumentor
    from telemetry.setup.pipeline import Telemetry, configure

__version__ = "0.1.0"
__all__ = ["DiscordInstrumentor", "Telemetry", "checkpoint", "configure", "flow"]

_MODULES = {
    "DiscordInstrumentor": "telemetry.instrument.instrumentor",
    "Telemetry": "telemetry.setup.pipeline",
    "checkpoint": "telemetry.instrument.checkpoints",
    "configure": "telemetry.setup.pipeline",
    "flow": "telemetry.instrument.flows",
}


if not TYPE_CHECKING:  # a type checker must not take every name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
