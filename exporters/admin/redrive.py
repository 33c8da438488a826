"""Sends dead letters to the store again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.exporters.rows.command_call import CommandCall
from slashspan.exporters.spool.dead_letters import DeadLetters

if TYPE_CHECKING:
    from slashspan.exporters.spool.journal import Receipt
    from slashspan.exporters.spool.row_spool import RowSpool


def redrive(spool: RowSpool) -> int:
    """Move the dead letters of the spool's destination into it, to be replayed; returns how many.

    Letters are removed once all are appended and synced. If it is interrupted before, some are in both places, which
    the rows' key makes harmless. Letters that are not rows stay. Raises OSError.
    """
    receipts: list[Receipt] = []

    def keep(letter: dict[str, Any]) -> bool:
        try:
            row = CommandCall(**letter["row"])
            receipt = spool.append(row)
        except (TypeError, ValueError, OverflowError, AttributeError):  # edited by hand, or of another version
            return True
        if receipt is None:
            raise OSError(f"{spool.journal.folder} cannot be written")
        receipts.append(receipt)
        return False

    moved = DeadLetters(spool.journal.folder).rewrite(keep, before_removing=spool.journal.sync)
    spool.journal.release(receipts)
    return moved
