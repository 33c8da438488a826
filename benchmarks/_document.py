"""docs/benchmarks.md: one section a benchmark, replaced when it is run again."""

from __future__ import annotations

import platform
import re
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks._report import Report

INTRODUCTION: Final = """# Benchmarks

The machine is shared and noisy: compare figures within one table, which come from interleaved rounds. Each section says
when it was measured; `make bench` measures all of them again.
"""
PACKAGES: Final = ("discord.py", "opentelemetry-sdk", "asyncpg", "slashspan")


def write_section(document: Path, report: Report, charts: str | None) -> None:
    """Replace the section of `report`, or add it in the order of names. `charts`: path to the folder of the charts."""
    text = document.read_text("utf-8") if document.exists() else ""
    sections = {_name(section): section for section in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]}
    sections[report.name] = report.markdown(charts, measured=_measured())
    document.write_text(
        "\n".join([INTRODUCTION, *(sections[name].rstrip("\n") + "\n" for name in sorted(sections))]), "utf-8"
    )


def _name(section: str) -> str:
    found = re.search(r"`python -m benchmarks (\w+)`", section)
    return found[1] if found else ""


def _measured() -> str:
    """When, and on what."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {versions}"
    return f"{datetime.now(timezone.utc):%Y-%m-%d}, {machine}"
