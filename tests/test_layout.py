"""Rules of the repository itself."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import slashspan
from tests.support import ROOT


def test_the_public_api_is_pinned() -> None:
    assert slashspan.__all__ == ["DiscordInstrumentor", "Telemetry", "checkpoint", "configure", "flow"]


@pytest.mark.parametrize("file", sorted((ROOT / "telemetry" / "instrument").rglob("*.py")), ids=lambda file: file.stem)
def test_the_instrumentation_uses_the_api_and_not_the_sdk(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [module for module in imported if module.startswith("opentelemetry.sdk")]


def test_nothing_unix_only_is_imported() -> None:
    unix = {"fcntl", "pwd", "grp", "resource", "termios", "posix"}
    for package in ("src/slashspan", "telemetry", "exporters", "insights", "examples"):
        for file in (ROOT / package).rglob("*.py"):
            tree = ast.parse(file.read_text("utf-8"))
            names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
            names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            assert not names & unix, file


@pytest.mark.parametrize("file", sorted((ROOT / "tests").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_test_imports_a_test_module_or_a_conftest(file: Path) -> None:
    """Shared helpers belong in tests/support."""
    tree = ast.parse(file.read_text("utf-8"))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only, so that this test sees them"
            imported += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    for module in imported:
        path, name = ROOT / f"{module.replace('.', '/')}.py", module.rpartition(".")[2]
        assert not path.exists() or (name != "conftest" and not name.startswith("test_")), module


def test_the_wheel_contains_everything_that_a_user_needs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {
        "slashspan/exporters/stores/schema/sqlite/0001_command_calls.sql",
        "slashspan/exporters/stores/schema/postgresql/0001_command_calls.sql",
        "slashspan/exporters/stores/schema/postgresql/state.sql",
        "slashspan/insights/sql/common/commands.sql",
        "slashspan/examples/ladder_bot/__main__.py",
        "slashspan/examples/ladder_bot/sql/queries.sql",
        "slashspan/examples/ladder_demo/demo.py",
        "slashspan/examples/discord_standin/server.py",
        "slashspan/py.typed",
    } <= names
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {"slashspan"}
    assert len(names) == len({name.replace("/src/", "/") for name in names})


def test_the_demo_runs_from_an_unpacked_wheel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    site = tmp_path / "site"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        archive.extractall(site)
    script = "from slashspan.telemetry.cli import main; import slashspan; assert 'site' in slashspan.__file__; main()"
    arguments = ["demo", "--commands", "50", "--rate", "200"]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {script}", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=tmp_path,
        env={**__import__("os").environ, "PYTHONPATH": str(site)},
    )
    assert "sent 50 = recorded 50" in done.stdout, done.stdout + done.stderr
