"""Observe: discord.py → OpenTelemetry spans, and the composition root that sends them on.

Each package imports only those below it:

```
cli          the `slashspan` command
setup        settings → provider, processors, exporters
instrument   discord.py → spans
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telemetry.instrument.checkpoints import checkpoint
    from telemetry.instrument.flows import flow
    from telemetry.instrument.instrumentor import DiscordInstrumentor
    from telemetry.setup.pipeline import Telemetry, configure

__all__ = ["DiscordInstrumentor", "Telemetry", "checkpoint", "configure", "flow"]

# Imported when first asked for: in a bot under `slashspan run`, discord must not be imported before the bot does it.
_MODULES = {
    "DiscordInstrumentor": "telemetry.instrument.instrumentor",
    "Telemetry": "telemetry.setup.pipeline",
    "checkpoint": "telemetry.instrument.checkpoints",
    "configure": "telemetry.setup.pipeline",
    "flow": "telemetry.instrument.flows",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
