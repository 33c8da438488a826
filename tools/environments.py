"""Other Pythons of this machine, and virtual environments with pinned packages on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).resolve().parent.parent


def find_python(version: str) -> str | None:
    """A Python of that minor version, on PATH, from pyenv or known to uv; nothing is downloaded."""
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += [str(folder / "bin" / "python") for folder in sorted(pyenv.glob(f"{version}*"), reverse=True)]
    found = run([uv(), "python", "find", "--no-python-downloads", "--no-project", version], quiet=True)
    candidates.append(found.stdout.strip() if found.returncode == 0 else None)
    asks = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        # pyenv's shims are on PATH even for versions that are not active; they fail when they are called.
        if candidate and Path(candidate).exists() and run([candidate, "-c", asks], quiet=True).stdout == f"{version}\n":
            return candidate
    return None


def uv() -> str:
    """The `uv` next to this Python."""
    return str(Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv"))


def prepare(folder: Path, python: str, pins: str) -> Path:
    """The Python of a virtual environment with slashspan and `pins`, made if missing or outdated."""
    own = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = folder / "requirements.txt"
    if not own.exists() or not wanted.exists() or wanted.read_text("utf-8") != pins:
        print(f"setting up {folder.name} …", flush=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _check([uv(), "venv", "--quiet", "--clear", "--python", python, str(folder)])
        new = folder / "requirements.new"
        new.write_text(pins, "utf-8")
        install = [uv(), "pip", "install", "--quiet", "--python", str(own), "--no-deps"]
        _check([*install, "-r", str(new)])
        _check([*install, "-e", str(ROOT)])
        new.replace(wanted)
    return own


def run(command: Sequence[str], *, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """In the repository's root; `quiet`: with the output captured."""
    return subprocess.run(command, cwd=ROOT, capture_output=quiet, text=True, check=False)  # noqa: S603 - our own


def _check(command: Sequence[str]) -> None:
    if run(command).returncode != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
