"""`python -m slashspan` is the `slashspan` command."""

from importlib import import_module

if __name__ == "__main__":
    import_module("slashspan.telemetry.cli").main()  # by name: the vocabulary imports none of our packages
