"""`python -m benchmarks [NAME…] [--quick] [--write FILE] [--charts FOLDER]`."""

from __future__ import annotations

import importlib
import os
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks._document import write_section

if TYPE_CHECKING:
    from benchmarks._report import Report

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "examples"))
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # a warning of the test server's package in containers
NAMES = sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--quick", is_flag=True, help="Shorter runs, to check that they work; do not quote the figures.")
@click.option(
    "--write",
    type=click.Path(path_type=Path),
    help="Also write each table into its section of this Markdown file, as soon as it is there.",
)
@click.option(
    "--charts", type=click.Path(path_type=Path, file_okay=False), help="Also draw the charts, as SVG, into this folder."
)
def main(names: tuple[str, ...], quick: bool, write: Path | None, charts: Path | None) -> None:
    """Run benchmarks and print their tables; all of them if none is named."""
    console = Console(highlight=False)
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
            report: Report = importlib.import_module(f"benchmarks.{name}").run(quick=quick)
            progress.advance(task)
            console.print(report.table())
            for line in report.lines():
                console.print(line, markup=False)
            if charts is not None and report.draw is not None:
                report.draw(charts / report.chart)
            if write is not None:
                link = None if charts is None else Path(os.path.relpath(charts, write.parent)).as_posix()
                write_section(write, report, link)
            console.print(f"{name} took {time.monotonic() - started:.0f} s\n", style="dim")


if __name__ == "__main__":
    main()
