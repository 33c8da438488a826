"""A small 1v1 ladder for Discord: the reference bot of slashspan, and a model of its use."""
