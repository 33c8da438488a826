"""What happens around `os.fork`: one registry, which calls whoever has something to hold or to start anew.

A child has only the thread that forked. A lock that another thread held would stay locked in it for ever, and sockets,
file locks and threads are still the parent's. So an owner takes its locks before the fork, lets go of them in the
parent, and begins again in the child. Where there is no fork, as on Windows, nothing is ever called.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Registered once, held weakly. None of these may raise or wait for another process."""

    def before_fork(self) -> None: ...

    def after_fork_in_parent(self) -> None: ...

    def after_fork_in_child(self) -> None: ...


_registered: weakref.WeakSet[ForkAware] = weakref.WeakSet()
_forking: list[ForkAware] = []
"""Whoever was asked before the fork, kept until it has been told of the end."""


def register(owner: ForkAware) -> None:
    """Call `owner` around every fork from now on, for as long as it lives."""
    _registered.add(owner)


def _before() -> None:
    for owner in list(_registered):
        owner.before_fork()
        _forking.append(owner)


def _after_in_parent() -> None:
    while _forking:
        _forking.pop().after_fork_in_parent()


def _after_in_child() -> None:
    while _forking:
        _forking.pop().after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
