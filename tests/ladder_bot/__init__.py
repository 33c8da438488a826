"""The reference bot, run with the real client against the stand-in."""
