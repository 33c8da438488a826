"""Sets up the bots from PyPI that `tests/pypi_bots` runs: each in a virtual environment of its own, in `.cache/bots`.

python -m tools.bots           set up
python -m tools.bots --lock    renew the pins from the groups `bot-…` of pyproject.toml
"""

from __future__ import annotations

import argparse
import sys
from typing import Final

from tools.environments import ROOT, find_python, prepare, run, uv

NAMES: Final = ("red", "jishaku", "games")
PYTHONS: Final = ("3.11", "3.10")
"""Red runs on no newer one."""
LOCKS: Final = ROOT / "tests" / "pypi_bots"


def main() -> int:
    """Exit status 1 when this machine has none of PYTHONS."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lock", action="store_true")
    if parser.parse_args().lock:
        return max(_lock(name) for name in NAMES)
    python = next(filter(None, map(find_python, PYTHONS)), None)
    if python is None:
        print(f"skipped: the bots need Python {' or '.join(PYTHONS)}, which this machine lacks")
        return 1
    for name in NAMES:
        prepare(ROOT / ".cache" / "bots" / name, python, (LOCKS / f"{name}.lock").read_text("utf-8"))
    return 0


def _lock(name: str) -> int:
    plain = ["--quiet", "--universal", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"]
    target = ["--python-version", PYTHONS[-1], "--upgrade", "--output-file", str(LOCKS / f"{name}.lock")]
    return run([uv(), "pip", "compile", *plain, *target, "--group", f"bot-{name}", "pyproject.toml"]).returncode


if __name__ == "__main__":
    sys.exit(main())
