"""Random span and trace ids that are independent of the bot's code.

The SDK draws ids from the global `random`: recording would change a bot's seeded sequence, and a bot that seeds it in
a command would give two actions the same ids.
"""

from __future__ import annotations

import os
import random

_random = random.Random()  # noqa: S311 - ids need no cryptography; seeded from os.urandom
random_bits = _random.getrandbits  # one call in C, so no other thread can run in between
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


class PrivateIds:
    """Random ids from our own source. Thread-safe; a forked child has its own sequence."""

    def generate_span_id(self) -> int:
        """64 bits, never 0."""
        return random_bits(64) or self.generate_span_id()

    def generate_trace_id(self) -> int:
        """128 bits, never 0."""
        return random_bits(128) or self.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        return True
