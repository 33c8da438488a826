"""A bot imports `slashspan` and nothing else of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import slashspan
from slashspan import DiscordInstrumentor, Telemetry, checkpoint, configure, flow
from slashspan.telemetry.instrument import checkpoints, flows, instrumentor
from slashspan.telemetry.setup import handle, pipeline
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_public_names_are_pinned() -> None:
    assert slashspan.__all__ == ["DiscordInstrumentor", "Telemetry", "checkpoint", "configure", "flow"]
    assert set(slashspan.__all__) <= set(dir(slashspan))


def test_each_public_name_is_the_object_itself() -> None:
    assert configure is pipeline.configure
    assert Telemetry is handle.Telemetry
    assert checkpoint is checkpoints.checkpoint
    assert flow is flows.flow
    assert DiscordInstrumentor is instrumentor.DiscordInstrumentor


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'configured'"):
        _ = slashspan.configured  # type: ignore[attr-defined]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_importing_slashspan_imports_neither_discord_nor_opentelemetry() -> None:
    code = "import sys, slashspan.semconv, slashspan.dsn; print({'discord', 'opentelemetry'} & {*sys.modules})"
    assert python(code) == "set()"


def test_python_m_slashspan_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "slashspan", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"slashspan, version {slashspan.__version__}\n"


USES = """
from typing_extensions import assert_type

import slashspan

handle = slashspan.configure(service_name="bot")
assert_type(handle, slashspan.Telemetry)
slashspan.checkpoint("rows_fetched")
with slashspan.flow("season_reset"):
    slashspan.checkpoint("archived")
slashspan.DiscordInstrumentor().instrument()
"""
WRONG = {
    "slashspan.configure('bot')": "call-arg",
    "slashspan.checkpoint(5)": "arg-type",
    "slashspan.flow(None)": "arg-type",
    "slashspan.configured": "attr-defined",
}


def mypy(code: str, folder: Path) -> str:
    (folder / "bot.py").write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(folder), "bot.py"],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
    )
    return done.stdout + done.stderr


def test_a_type_checker_knows_the_public_names(tmp_path: Path) -> None:
    """In one run, because it is slow: correct calls are accepted, and each wrong one is the expected error."""
    pytest.importorskip("mypy")
    right = mypy(USES, tmp_path)
    assert "bot.py" not in right, right
    wrong = mypy("import slashspan\n" + "\n".join(WRONG) + "\n", tmp_path)
    for line, code in enumerate(WRONG.values(), start=2):
        assert any(said.startswith(f"bot.py:{line}:") and f"[{code}]" in said for said in wrong.splitlines()), wrong
