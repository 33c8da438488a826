"""Observe: discord.py → OpenTelemetry spans, and the composition root that sends them on.

Each package imports only those below it:

```
cli                 the `slashspan` command
discord_extension   `/slashspan …` in Discord, for the bot's owner
setup               settings → provider, processors, exporters
instrument          discord.py → spans
```
"""
