"""Brings the sums in a SQLite file up to date.

A round reads in one transaction and writes in another, so that a bot waits only for the short second one. Rows above
the watermark are added to the documents of their hours; hours with a mark are made anew. In the second transaction it
turns out whether somebody was faster: then the round is repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slashspan.insights.sums import hours
from slashspan.insights.sums.documents import add_document
from slashspan.insights.sums.sqlite import rows
from slashspan.insights.sums.sqlite.documents import StoredDocuments
from slashspan.insights.sums.tally import Tally

if TYPE_CHECKING:
    from slashspan.insights.sums.sqlite.file import SumsFile

CHUNK: Final = 50_000
"""Rows that one round adds at most."""
HOURS: Final = 48
"""Hours that one round makes anew at most."""


def refresh_once(file: SumsFile) -> int | None:
    """One round; the number of rows and hours. None if there is nothing to do; 0 if somebody else was faster."""
    with file.transaction("BEGIN"):
        state = file.installed()
        marks = _marks(file)
        added, remade = Tally(state.shift), Tally(state.shift)
        top = rows.highest_id(file, state.watermark, CHUNK)
        if top == state.watermark and not marks:
            return None
        counted = rows.count(file, state.watermark, top)
        strange = state.strange or rows.has_strange_times(file, state.watermark, top)
        done = added.add(rows.new_rows(file, state.watermark, top))
        for since, until in hours.runs(marks):
            done += remade.add(rows.rows_of_hours(file, since, until, top, strange=strange))
    with file.transaction():
        # A row that somebody inserts with an id of their own choice makes the count another one.
        if file.installed().generation != state.generation or rows.count(file, state.watermark, top) != counted:
            return 0
        stored = StoredDocuments(file)
        numbers = stored.numbered(added.ids | remade.ids)
        documents = remade.documents(numbers)
        for start, document in added.documents(numbers).items():
            if start not in marks:
                documents[start] = stored.hour(start)
                add_document(documents[start], document)
        changed = marks.keys() | documents.keys()
        for start in changed:
            stored.write_hour(start, documents.get(start))
        file.connection.executemany(
            f"DELETE FROM {file.names.marks} WHERE start = ? AND changes = ?",
            list(marks.items()),
        )
        file.connection.execute(
            f"UPDATE {file.names.state} SET watermark = ?, generation = generation + 1, strange = ?",
            (top, strange),
        )
        stored.write_days(state.zones, changed)
    return done + len(marks)


def _marks(file: SumsFile) -> dict[int, int]:
    """Some of the marked hours, newest first, with the number of changes."""
    sql = f"SELECT start, changes FROM {file.names.marks} ORDER BY start DESC LIMIT {HOURS}"
    return dict(file.connection.execute(sql))
