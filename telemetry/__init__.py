"""Observe: discord.py → OpenTelemetry spans, and the composition root that sends them on.

Each package imports only those below it:

```
cli          the `slashspan` command
setup        settings → provider, processors, exporters
instrument   discord.py → spans
```
"""

from telemetry.instrument.checkpoints import checkpoint
from telemetry.instrument.flows import flow
from telemetry.instrument.instrumentor import DiscordInstrumentor
from telemetry.setup.pipeline import Telemetry, configure

__all__ = ["DiscordInstrumentor", "Telemetry", "checkpoint", "configure", "flow"]
