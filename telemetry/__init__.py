"""Observe: discord.py → OpenTelemetry spans, and the composition root that sends them on."""

from telemetry.checkpoints import checkpoint
