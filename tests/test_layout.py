"""Rules of the repository itself."""

from __future__ import annotations

import ast
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
