"""The reference bot, run by the real client against the stand-in."""
