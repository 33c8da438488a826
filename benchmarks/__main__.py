"""`python -m benchmarks [NAME…] [--quick] [--write FILE] [--charts FOLDER]`."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from benchmarks._report import Report

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "examples"))
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # a warning of the test server's package in containers
NAMES = sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--quick", is_flag=True, help="Shorter runs, to check that they work; do not quote the figures.")
@click.option("--write", type=click.Path(path_type=Path), help="Also write everything into this Markdown file.")
@click.option(
    "--charts", type=click.Path(path_type=Path, file_okay=False), help="Also draw the charts, as SVG, into this folder."
)
def main(names: tuple[str, ...], quick: bool, write: Path | None, charts: Path | None) -> None:
    """Run benchmarks and print their tables; all of them if none is named."""
    console = Console(highlight=False)
    reports: list[Report] = []
    chosen = names or NAMES
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(chosen))
        for name in chosen:
            progress.update(task, description=name)
            started = time.monotonic()
            reports.append(importlib.import_module(f"benchmarks.{name}").run(quick=quick))
            progress.advance(task)
            console.print(reports[-1].table())
            for line in reports[-1].lines():
                console.print(line, markup=False)
            console.print(f"{name} took {time.monotonic() - started:.0f} s\n", style="dim")
    for report in reports:
        if charts is not None and report.draw is not None:
            report.draw(charts / report.chart)
            console.print(f"drawn into {charts / report.chart}", markup=False)
    if write is not None:
        link = None if charts is None else Path(os.path.relpath(charts, write.parent)).as_posix()
        write.write_text(_document(reports, link), "utf-8")
        console.print(f"written to {write}", markup=False)


def _document(reports: list[Report], charts: str | None) -> str:
    packages = ("discord.py", "opentelemetry-sdk", "asyncpg", "slashspan")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {versions}"
    note = "The machine is shared and noisy: compare figures within one table, which come from interleaved rounds."
    return "\n".join(
        ["# Benchmarks", "", note, "", machine + ".", "", *(report.markdown(charts) for report in reports)]
    )


if __name__ == "__main__":
    main()
