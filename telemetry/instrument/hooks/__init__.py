"""One file for each part of discord.py: it wraps what it needs through `Patches`, and reports to the `Recorder`."""
