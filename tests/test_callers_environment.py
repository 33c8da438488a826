"""What is set in the shell in which tests are started does not change their results."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support import ROOT

PRINT_LEFT = """
import os, tests.conftest
print([name for name in sorted(os.environ) if name in os.environ["FOREIGN"].split()])
"""


def test_variables_of_the_caller_do_not_reach_the_tests() -> None:
    foreign = {
        "PYTHONPATH": str(ROOT / "examples"),
        "PYTHONWARNINGS": "default",
        "PYTHONDONTWRITEBYTECODE": "1",
        "FORCE_COLOR": "1",
        "OTEL_SERVICE_NAME": "elsewhere",
        "SLASHSPAN_DSN": "sqlite:///elsewhere.db",
    }
    done = subprocess.run(
        [sys.executable, "-c", PRINT_LEFT],
        cwd=ROOT,
        env={**os.environ, **foreign, "FOREIGN": " ".join(foreign)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "[]\n", done.stderr
