"""A bot run by `python` and by `slashspan run`, to compare what it sees and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def environ(folder: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SLASHSPAN_"))}
    return {
        **inherited,
        "PYTHONHASHSEED": "0",
        "SLASHSPAN_DSN": f"sqlite:///{folder / 'calls.db'}",
        "SLASHSPAN_SPOOL": str(folder / "spool"),
    }


class Bots:
    """Runs a bot in a folder of its own: as `python` does, and recorded."""

    def __init__(self, folder: Path, added_by_run: dict[str, str]) -> None:
        self.folder = folder / "cwd"
        self.folder.mkdir()
        self.spool = folder / "spool"
        self._environ = environ(folder)
        self._added_by_run = added_by_run

    def plain(self, *command: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env={**self._environ, **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def run(self, *command: str, flags: Sequence[str] = (), **extra: str) -> subprocess.CompletedProcess[str]:
        """Through `slashspan run`."""
        return self.plain(*flags, "-m", "slashspan", "run", *command, **extra)

    def as_run_does(self, *command: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """In the environment in which `slashspan run` starts it; that saves the time of `slashspan` itself."""
        return self.plain(*command, **self._added_by_run, **extra)


def added_by_run(folder: Path) -> dict[str, str]:
    """The variables that `slashspan run bot.py` sets for the bot; needs an empty folder."""
    bots = Bots(folder, {})
    (bots.folder / "bot.py").write_text("import json, os\nprint(json.dumps(dict(os.environ)))\n", "utf-8")
    before, after = (json.loads(done.stdout) for done in (bots.plain("bot.py"), bots.run("bot.py")))
    assert before.items() <= after.items()
    return {name: value for name, value in after.items() if name not in before}
