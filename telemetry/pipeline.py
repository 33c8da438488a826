"""The composition root: settings → provider, processors, exporters, instrumentation; and their ending.

Own provider or the bot's: where the bot has set up an SDK TracerProvider, processors are added to it. Else one of ours is
made; it becomes the global one only when an exporter that shows traces is on, so that a bot which sets up its own later
is not refused.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

SHUTDOWN_SECONDS: Final = 8.0
"""Longest flush at the end; containers grant 10 s between SIGTERM and SIGKILL."""
START_CHECK_SECONDS: Final = 5.0
"""Longest look at the store when the bot starts; after it the bot starts all the same."""

_log = logging.getLogger("slashspan")
_configured: Telemetry | None = None
_lock = threading.Lock()
