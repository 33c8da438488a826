"""The command line on a spool and a store of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from slashspan.telemetry.cli import cli
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from pathlib import Path


def call(spool: Path, dsn: str, *arguments: str, **environ: str) -> Result:
    """`slashspan` with these arguments."""
    return CliRunner().invoke(cli, arguments, env={"SLASHSPAN_SPOOL": str(spool), "SLASHSPAN_DSN": dsn, **environ})


def stored_span_ids(dsn: str) -> list[int]:
    """Of every row in the table."""
    return [row["span_id"] for row in read_rows(dsn)]
