"""`python -m telemetry.cli`."""

from telemetry.cli import main

main()
