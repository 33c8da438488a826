"""Journals when their process forks: no lock is held by a thread that the child lacks, and the child's are new."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporters.spool.journal import Journal

_journals: weakref.WeakSet[Journal] = weakref.WeakSet()
_held: list[Journal] = []


def care_for(journal: Journal) -> None:
    """From now on."""
    _journals.add(journal)


def _before() -> None:
    for journal in list(_journals):
        journal.lock.acquire()
        _held.append(journal)


def _after_in_parent() -> None:
    while _held:
        _held.pop().lock.release()


def _after_in_child() -> None:
    while _held:
        _held.pop().start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
