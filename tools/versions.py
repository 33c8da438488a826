"""Runs the truth suite, the tests of `slashspan run` and the demo on other versions of Python, discord.py and the rest.

    python -m tools.versions            discord.py 2.4 to 2.7 on the oldest and the newest Python, and the lowest pins
    python -m tools.versions --short    the extremes only, and fewer tests: for `.ci/run`

Each combination has a virtual environment in `.cache/versions`. A Python that this machine lacks is one line.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tools.environments import ROOT, find_python, prepare, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CACHE: Final = ROOT / ".cache" / "versions"
LOCK: Final = ROOT / "requirements.lock"
LOWEST: Final = ROOT / "requirements-lowest.lock"
OLDEST_PYTHON: Final = "3.10"
NEWEST_PYTHON: Final = "3.13"
DISCORD: Final = ("2.4.0", "2.5.2", "2.6.4", "2.7.1")
SHORT: Final = (
    "tests/truth/test_truth.py",
    "tests/telemetry/instrument/test_instrumentor.py",
    "tests/telemetry/cli/test_run.py",
)
FULL: Final = ("tests/truth", "tests/telemetry/instrument", "tests/telemetry/cli")
PARALLEL: Final = ("-n", "logical", "--maxprocesses", "4", "--dist", "worksteal")
DEMO_COMMANDS: Final = 300


@dataclass(frozen=True, slots=True)
class Combination:
    """A Python and its packages; `discord` None: the lowest version of everything that pyproject.toml allows."""

    python: str
    discord: str | None

    @property
    def name(self) -> str:
        return f"python{self.python}-" + ("lowest" if self.discord is None else f"discord{self.discord}")

    def requirements(self) -> str:
        """Pins, one per line."""
        if self.discord is None:
            return LOWEST.read_text("utf-8")
        return re.sub(r"(?m)^discord-py==.*$", f"discord-py=={self.discord}", LOCK.read_text("utf-8"))


def combinations(*, short: bool) -> Iterator[Combination]:
    """The oldest on the oldest and the newest on the newest come first."""
    yield Combination(OLDEST_PYTHON, DISCORD[0])
    yield Combination(NEWEST_PYTHON, DISCORD[-1])
    yield Combination(OLDEST_PYTHON, None)
    if not short:
        for python in (OLDEST_PYTHON, NEWEST_PYTHON):
            for discord in DISCORD:
                if (python, discord) not in ((OLDEST_PYTHON, DISCORD[0]), (NEWEST_PYTHON, DISCORD[-1])):
                    yield Combination(python, discord)


def try_out(own: Path, *, short: bool) -> bool:
    """Run the tests, then the demo; returns whether both passed. Their output is shown."""
    pytest = [str(own), "-m", "pytest", "-q", "-p", "no:cacheprovider", *PARALLEL]
    tests = run([*pytest, *(SHORT if short else FULL)])
    if tests.returncode != 0:
        return False
    store = own.parent / "demo.db"
    for file in own.parent.glob("demo.db*"):
        file.unlink()
    demo = [
        str(own),
        "-m",
        "slashspan",
        "demo",
        "--commands",
        str(DEMO_COMMANDS),
        "--dsn",
        f"sqlite:///{store}",
    ]
    shown = run(demo, quiet=True)
    if shown.returncode != 0:
        print(shown.stdout, shown.stderr)
    return shown.returncode == 0


def main() -> int:
    """Exit status 1 if a combination failed; those that could not be tried do not count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these, such as python3.10-discord2.4.0")
    arguments = parser.parse_args()
    results: list[str] = []
    for combination in combinations(short=arguments.short):
        if arguments.names and combination.name not in arguments.names:
            continue
        python = find_python(combination.python)
        if python is None:
            results.append(f"skipped  {combination.name}: this machine has no Python {combination.python}")
            continue
        own = prepare(CACHE / combination.name, python, combination.requirements())
        print(combination.name, flush=True)
        started = time.monotonic()
        passed = try_out(own, short=arguments.short)
        results.append(f"{'passed' if passed else 'FAILED':8} {combination.name} in {time.monotonic() - started:.0f} s")
    print(*results, sep="\n")
    return int(any(result.startswith("FAILED") for result in results))


if __name__ == "__main__":
    sys.exit(main())
