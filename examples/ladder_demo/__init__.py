"""`slashspan demo`: runs the reference bot against the stand-in and compares what was recorded with what was sent."""

from ladder_demo.demo import run_demo

__all__ = ["run_demo"]
