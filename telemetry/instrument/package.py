"""What is instrumented, for OpenTelemetry's dependency check."""

from __future__ import annotations

_instruments = ("discord.py >= 2.4, < 3",)
_supports_metrics = True
