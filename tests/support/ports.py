"""Ports for servers that cannot choose one themselves, or that start again on the same one."""

from __future__ import annotations

import random
import socket
from typing import Final

PORTS: Final = range(15_000, 30_000)
"""Below those that Linux, macOS and Windows give to clients and to servers on port 0: one of these could be taken by
any connection of another test, before a server has started or while it restarts."""
_given: set[int] = set()


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on: another each time, and random, for tests in other processes."""
    while True:
        port = random.SystemRandom().choice(PORTS)  # not the generator that tests seed
        if port in _given:  # perhaps for a server that has not started yet
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
