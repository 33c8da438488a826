"""What a bot imports (`configure`, `checkpoint`, `flow`, `DiscordInstrumentor`), and the distribution's version.

The modules below are the vocabulary that our packages share, `slashspan.semconv` for example. Importing them must not
import discord or OpenTelemetry, so the public names are loaded when they are first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slashspan.telemetry.instrument.checkpoints import checkpoint
    from slashspan.telemetry.instrument.flows import flow
    from slashspan.telemetry.instrument.instrumentor import DiscordInstrumentor
    from slashspan.telemetry.setup.handle import Telemetry
    from slashspan.telemetry.setup.pipeline import configure

__version__ = "0.1.0"
__all__ = ["DiscordInstrumentor", "Telemetry", "checkpoint", "configure", "flow"]

_MODULES = {
    "DiscordInstrumentor": "slashspan.telemetry.instrument.instrumentor",
    "Telemetry": "slashspan.telemetry.setup.handle",
    "checkpoint": "slashspan.telemetry.instrument.checkpoints",
    "configure": "slashspan.telemetry.setup.pipeline",
    "flow": "slashspan.telemetry.instrument.flows",
}


if not TYPE_CHECKING:  # a type checker must not take every name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import_module("slashspan.standard.check").before_import(os.environ)
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
