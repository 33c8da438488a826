"""What the commands that read have in common: sums that are up to date, a hint where they are of no use, no pauses."""

from __future__ import annotations

import contextlib
import gc
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from slashspan.telemetry.cli.output import progress, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slashspan.insights import BlockingReader, Filters
    from slashspan.insights.sums import Sums
    from slashspan.settings import Settings

LONG: Final = timedelta(days=8)
"""A shorter period is read quickly by the hour, too."""


@contextlib.contextmanager
def opened_reader(settings: Settings, filters: Filters) -> Iterator[BlockingReader]:
    """A reader, after a refresh of the sums if it is worth it and may be. Raises ReadError and ConfigurationError."""
    from slashspan import insights
    from slashspan.insights.sums import freshness

    with insights.open_reader(settings.dsn, table=settings.table) as reader:
        found = reader.run(freshness.sums_of) if freshness.is_for_readers(settings.dsn) else None
        if found is not None and settings.refresh_sums and freshness.is_worth_a_refresh(found):
            freshness.catch_up(settings.dsn, table=settings.table, refresh=_refresh)
        long = filters.since is None or filters.end - filters.since > LONG
        if found is not None and found.zones and filters.zone not in found.zones and long:
            zones = ", ".join(sorted(found.zones))
            say(
                f"the days of {filters.zone} are not summed (those of {zones} are), which takes longer: "
                f"slashspan rollup build --zone {filters.zone}",
                err=True,
            )
        yield reader


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Sums are hundreds of thousands of objects, none of them garbage: looking for some is half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _refresh(sums: Sums) -> None:
    from slashspan.insights.sums import freshness

    with progress("summing") as bar:
        task = bar.add_task("", total=sums.pending())
        sums.refresh(lambda count: bar.advance(task, count), seconds=freshness.SECONDS)
