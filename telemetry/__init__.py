"""Observe: discord.py → OpenTelemetry spans, and the composition root that sends them on."""

from telemetry.checkpoints import checkpoint
from telemetry.flows import flow
from telemetry.instrumentor import DiscordInstrumentor
from telemetry.pipeline import Telemetry, configure

__all__ = ["DiscordInstrumentor", "Telemetry", "checkpoint", "configure", "flow"]
