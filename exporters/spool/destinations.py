"""Destinations: one folder for each (service, store, table), so that rows for one store never reach another."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from slashspan.dsn import Dsn
from slashspan.exporters.spool import private

if TYPE_CHECKING:
    from pathlib import Path

DESCRIPTION: Final = "destination.json"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Destination:
    """The service that recorded rows, and the store and table for which they are."""

    service: str
    store: str
    """The identity of the store: without user and password, which can change."""
    table: str

    @classmethod
    def of(cls, service: str | None, dsn: Dsn | str, table: str) -> Destination:
        """The destination for a resource's `service.name`, `SLASHSPAN_DSN` and `SLASHSPAN_TABLE`."""
        return cls(service or "", Dsn.parse(dsn).identity, table)

    @property
    def name(self) -> str:
        """The name of its folder: readable and unique."""
        whole = f"{self.service}\0{self.store}\0{self.table}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(whole).hexdigest()[:10]
        return f"{_UNFIT.sub('-', self.service)[:40] or 'service'}-{digest}"

    def folder(self, spool: Path) -> Path:
        """Its folder in the spool, created if missing, with a description of the destination.

        Raises ConfigurationError for a spool that others could change. Disk errors are logged by the journal.
        """
        private.check(spool)
        folder = spool / self.name
        description = folder / DESCRIPTION
        with contextlib.suppress(OSError):
            if not description.exists():
                private.make_folder(spool, folder)
                private.write_private(description, json.dumps(asdict(self), indent=1) + "\n")
        return folder


def described(folder: Path) -> Destination | None:
    """The destination of a folder in the spool; None if it is not one."""
    try:
        said = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        return Destination(str(said["service"]), str(said["store"]), str(said["table"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def destinations(spool: Path) -> list[tuple[Path, Destination]]:
    """Every destination in the spool. Raises OSError."""
    if not spool.is_dir():
        return []
    found = ((folder, described(folder)) for folder in sorted(spool.iterdir()))
    return [(folder, destination) for folder, destination in found if destination is not None]
