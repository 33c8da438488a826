"""Measures how busy the bot's event loop is: a timer that records how late it runs.

While a bot blocks its loop, frames wait in the socket, and nothing but the loop could record when they arrived. So the
probe returns the interval in which the loop may not have read anything: from the last punctual run of the timer to the
next run. A frame read after that has waited at most as long.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from contextvars import Context
from typing import TYPE_CHECKING, Final

from slashspan.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_SECONDS: Final = 0.1
"""Between two runs of the timer: ten wake-ups per second take about a thousandth of a core."""
TOLERANCE_NS: Final = 20_000_000
"""A timer this late still counts as punctual: the clock of Windows has steps of 16 ms."""
FREE: Final = (0, 0)
"""Instead of a busy interval: there was none."""
_NS: Final = 1_000_000_000


class LoopProbe:
    """The timer of one event loop. Runs while `wanted` returns True; keeps neither the loop nor the process alive."""

    def __init__(self, wanted: Callable[[], bool], record: Callable[[float], None]) -> None:
        self._wanted = wanted
        self._record = record
        self._running = False
        self._ran_ns = self._due_ns = 0
        self.free_until_ns = 0
        """Before this time `busy` returns FREE, so that most frames need not call it."""
        self._busy_since: int | None = None
        """The last punctual run before the loop was busy; None while runs are punctual."""

    def start(self) -> None:
        """Start on the running event loop, unless it is already running."""
        if not self._running:
            self._running = True
            self._busy_since = None
            self._arm(time.perf_counter_ns())

    def busy(self, now_ns: int) -> tuple[int, int] | None:
        """The interval before `now_ns`, on `time.perf_counter_ns`, in which the loop may not have read anything.

        FREE if there was none, None if the timer is not running.

        Blocks shorter than the interval and the tolerance together, 120 ms, can go unnoticed.
        """
        if not self._running:
            return None
        if now_ns - self._due_ns > TOLERANCE_NS:  # overdue: busy until now
            return (self._ran_ns if self._busy_since is None else self._busy_since), now_ns
        return FREE if self._busy_since is None else (self._busy_since, self._ran_ns)

    def _arm(self, now_ns: int) -> None:
        self._ran_ns, self._due_ns = now_ns, now_ns + int(INTERVAL_SECONDS * _NS)
        self.free_until_ns = self._due_ns + TOLERANCE_NS if self._busy_since is None else 0
        # An empty context: the timer must not keep the current context alive, for example an action.
        asyncio.get_running_loop().call_later(INTERVAL_SECONDS, self._run, context=Context())

    @guarded
    def _run(self) -> None:
        self._running, self.free_until_ns = False, 0  # even if something below fails
        if not self._wanted():
            return
        now = time.perf_counter_ns()
        late = now - self._due_ns
        if late <= TOLERANCE_NS:
            self._busy_since = None
        elif self._busy_since is None:
            self._busy_since = self._ran_ns
        self._running = True
        self._arm(now)
        self._record(max(0, late) / _NS)


class LoopProbes:
    """A probe for each event loop in which frames are received."""

    def __init__(self, record: Callable[[float], None]) -> None:
        self._record = record
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopProbe] = weakref.WeakKeyDictionary()
        self._stopped = False

    def of_running_loop(self, wanted: Callable[[LoopProbe], bool]) -> LoopProbe:
        """The running loop's probe, started; it stops when `wanted` returns False."""
        loop = asyncio.get_running_loop()
        probe = self._by_loop.get(loop)
        if probe is None:
            probe = self._by_loop[loop] = LoopProbe(lambda: not self._stopped and wanted(made), self._record)
            made = probe
        if not self._stopped:
            probe.start()
        return probe

    def stop(self) -> None:
        """Let every timer run a last time."""
        self._stopped = True
