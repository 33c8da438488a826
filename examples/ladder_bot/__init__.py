"""A small 1v1 ladder for Discord: slashspan's reference bot, and an example of its use."""
