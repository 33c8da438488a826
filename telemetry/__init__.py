"""Observe: discord.py → OpenTelemetry spans, and the composition root that sends them on.

Each package imports only those below it:

```
cli          the `slashspan` command
setup        settings → provider, processors, exporters
instrument   discord.py → spans
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slashspan

if TYPE_CHECKING:
    from telemetry.instrument.checkpoints import checkpoint
    from telemetry.instrument.flows import flow
    from telemetry.instrument.instrumentor import DiscordInstrumentor
    from telemetry.setup.pipeline import Telemetry, configure

__all__ = ["DiscordInstrumentor", "Telemetry", "checkpoint", "configure", "flow"]


if not TYPE_CHECKING:  # a type checker must not take every name for one of ours

    def __getattr__(name: str) -> Any:
        # Loaded by `slashspan` when first asked for: under `slashspan run`, discord must not be imported before the bot
        # does it.
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(slashspan, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
