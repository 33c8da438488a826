"""discord.py → spans: the hooks, the action they report to, checkpoints and flows."""
