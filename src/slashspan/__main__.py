"""The `slashspan` command, also as `python -m slashspan`."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from slashspan.errors import ConfigurationError
from slashspan.standard.check import before_import


def main() -> None:
    """Run the command, unless a variable has a value with which OpenTelemetry cannot even be imported."""
    try:
        before_import(os.environ)
    except ConfigurationError as error:
        sys.stderr.write(f"slashspan: {error}\n")
        sys.exit(2)
    import_module("slashspan.telemetry.cli").main()  # by name: the vocabulary imports none of our packages


if __name__ == "__main__":
    main()
