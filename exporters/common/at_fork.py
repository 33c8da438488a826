"""One registry of objects that need to act before and after `os.fork`.

A child has only the thread that forked. A lock that another thread held would stay locked in it for ever, and sockets,
file locks and threads still belong to the parent. So an owner acquires its locks before the fork, releases them in the
parent, and resets itself in the child. On systems without fork, such as Windows, nothing is ever called.
"""

from __future__ import annotations

import os
import weakref


class ForkAware:
    """Base class of owners. The methods must not raise or wait for another process."""

    def before_fork(self) -> None:
        """In the parent: acquire every lock that the child would otherwise inherit locked."""

    def after_fork_in_parent(self) -> None:
        """Release them."""

    def after_fork_in_child(self) -> None:
        """Reset. The locks acquired before belong to the parent: replace them."""


_registered: weakref.WeakSet[ForkAware] = weakref.WeakSet()
_forking: list[ForkAware] = []
"""Owners called before the current fork, until they have been called after it."""


def register(owner: ForkAware) -> None:
    """Call `owner` before and after every fork. It is referenced weakly."""
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
