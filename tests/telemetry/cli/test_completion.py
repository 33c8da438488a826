"""Shell completion is click's, as docs/reference.md says."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def completed(**environ: str) -> str:
    command = [sys.executable, "-c", "from slashspan.telemetry.cli import main; main()"]
    return subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_script_for_a_shell_is_printed(shell: str) -> None:
    assert "_SLASHSPAN_COMPLETE" in completed(_SLASHSPAN_COMPLETE=f"{shell}_source")


def test_commands_are_completed() -> None:
    words = completed(_SLASHSPAN_COMPLETE="bash_complete", COMP_WORDS="slashspan do", COMP_CWORD="1")
    assert words == "plain,doctor\n"
