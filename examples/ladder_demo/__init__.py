"""`slashspan demo`: the reference bot against the stand-in, and what was recorded."""

from ladder_demo.demo import run_demo

__all__ = ["run_demo"]
