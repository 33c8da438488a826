"""Finds the records in the spool that are about a user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from slashspan.exporters.spool.records import NewerFormat
from slashspan.exporters.spool.row_spool import row_of
from slashspan.exporters.spool.span_spool import holds_spans, spans_of
from slashspan.exporters.spool.status import pending_records
from slashspan.exporters.spool.writers import writer_folders
from slashspan.semconv import USER_ID

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.exporters.spool.records import Record

UNREADABLE: Final = (NewerFormat, ValueError, TypeError, KeyError, IndexError, OSError)
"""Raised when a record of a newer slashspan, or one that is not ours, is read."""


@dataclass(slots=True)
class UserRecords:
    """Finds rows by the user's id, and the spans of every trace in which the user acted."""

    user_ids: Collection[int]
    """The user's id and pseudonym."""
    unreadable: int = 0
    """Records that may be about the user, but cannot be read."""
    _traces: set[int] = field(default_factory=set)

    def learn(self, destination: Path) -> None:
        """Find the user's traces in a whole destination: a child span may be in another batch than the user's span.

        Raises OSError.
        """
        for writer in writer_folders(destination):
            self._learn_from_all(writer)

    def _learn_from_all(self, writer: Path) -> None:
        try:
            for record in pending_records(writer):
                if holds_spans(record):
                    self._learn_from(record)
        except NewerFormat:
            self.unreadable += 1

    def _learn_from(self, record: Record) -> None:
        ids = {str(user) for user in self.user_ids}
        spans = self.spans(record)
        self.unreadable += not spans
        for span in spans:
            if span.context is not None and span.attributes and str(span.attributes.get(USER_ID)) in ids:
                self._traces.add(span.context.trace_id)

    def row(self, record: Record) -> CommandCall | None:
        """The record's row if it is the user's."""
        try:
            row = row_of(record)
        except UNREADABLE:
            self.unreadable += 1
            return None
        return row if row is not None and row.discord_uid in self.user_ids else None

    def spans(self, record: Record) -> list[ReadableSpan]:
        """All spans of a record for a collector; none if it cannot be read."""
        try:
            return spans_of(record)
        except Exception:  # noqa: BLE001 - whatever is in it
            return []

    def is_users(self, span: ReadableSpan) -> bool:
        """To be called after `learn`."""
        return span.context is not None and span.context.trace_id in self._traces
