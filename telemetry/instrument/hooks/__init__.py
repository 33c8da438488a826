"""One file a path of discord.py: each wraps what it needs through `Patches` and reports to the `Recorder`."""
