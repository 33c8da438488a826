"""discord.py → spans: the hooks, the action they report to, checkpoints and flows."""

import discord  # noqa: F401 - first: under `slashspan run` this import starts recording, which needs our modules whole
