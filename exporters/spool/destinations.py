"""What was recorded for one destination never goes to another: a folder for each (service, store, table)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from exporters.spool import private
from slashspan.dsn import Dsn

if TYPE_CHECKING:
    from pathlib import Path

DESCRIPTION: Final = "destination.json"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Destination:
    """Whose rows, and where to."""

    service: str
    store: str
    """Without user and password, which may change while the store stays the same."""
    table: str

    @classmethod
    def of(cls, service: str | None, dsn: Dsn | str, table: str) -> Destination:
        """From the resource's `service.name`, `SLASHSPAN_DSN` and `SLASHSPAN_TABLE`."""
        return cls(service or "", Dsn.parse(dsn).identity, table)

    @property
    def name(self) -> str:
        """Of its folder: readable, and unlike any other's."""
        whole = f"{self.service}\0{self.store}\0{self.table}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(whole).hexdigest()[:10]
        return f"{_UNFIT.sub('-', self.service)[:40] or 'service'}-{digest}"

    def folder(self, spool: Path) -> Path:
        """In the spool, created where it is missing, with a description for whoever looks inside.

        Raises ConfigurationError for a spool that others could change. What the disk refuses is logged by the journal.
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
    """The destination of a folder in the spool; None where that is no such folder."""
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
