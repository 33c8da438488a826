"""`slashspan demo`: runs the reference bot against the stand-in and compares what was recorded with what was sent."""

from ladder_demo.demo import run_demo
from ladder_demo.history import fill

__all__ = ["fill", "run_demo"]
