"""One thread that delivers what is waiting, and retries with backoff what failed, until it is closed."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

import tenacity
from opentelemetry.instrumentation.utils import suppress_instrumentation

from slashspan.exporters.common.throttled_log import ThrottledLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 30.0
LONGEST_ASKED_SECONDS: Final = 300.0
"""A store or collector that asks for a longer pause is tried again nevertheless."""
LAST_TRIES: Final = 2
"""Failures during the shutdown after which spooled rows are left. The first may be due to a stale connection."""
ADOPT_SECONDS: Final = 60.0
"""How often the spool is searched for records of processes that have died."""


_jitter: Final = random.Random().random  # noqa: S311 - not the global one: a bot's seeded sequence stays its own


class RetryLater(Exception):  # noqa: N818 - not an error: what the work says
    """The delivery failed. Its rows are waiting again. `asked`: seconds that the other side asks to wait."""

    def __init__(self, asked: float = 0.0) -> None:
        super().__init__()
        self.asked = asked


class Work(Protocol):
    """What the loop does. All but `something_waiting` and `all_spooled` are called without the lock."""

    def adopt(self) -> None:
        """Adopt what dead processes left. Called at the start, and once a minute when idle."""

    def prepare(self) -> None:
        """Called once, before anything is delivered."""

    def something_waiting(self) -> bool: ...

    def all_spooled(self) -> bool:
        """Whether nothing would be lost if the process ended now."""

    def deliver_next(self) -> None:
        """Deliver one batch. Raises RetryLater."""


class RetryLoop:
    """Runs `work`. `changed` guards what is waiting; notify it when there is more."""

    def __init__(self, name: str, work: Work) -> None:
        self.changed = threading.Condition()
        self._work = work
        self._hurry = False
        """Skip the pause before the next attempt."""
        self._close_at: float | None = None
        self._failed_closing = 0
        self._log = ThrottledLog()
        self._thread = threading.Thread(target=self._run, name=f"slashspan-{name}", daemon=True)
        self._started = False

    def start(self) -> None:
        """Start the thread; later calls do nothing."""
        if not self._started:
            self._started = True
            self._thread.start()

    @property
    def closing(self) -> bool:
        return self._close_at is not None

    @property
    def ended(self) -> bool:
        """Whether it is closed and delivers nothing any more."""
        return self.closing and not self._thread.is_alive()

    def seconds_left(self, most: float) -> float:
        """Time limit of one attempt: `most`, or what is left until the deadline."""
        return most if self._close_at is None else max(0.1, min(most, self._close_at - time.monotonic()))

    def flush(self, done: Callable[[], bool], timeout: float) -> bool:
        """Retry immediately; wait up to `timeout` seconds for `done`, which is called with the lock held."""
        with self.changed:
            self._hurry = True
            self.changed.notify_all()
            self.changed.wait_for(done, timeout)
            return done()

    def close(self, timeout: float) -> None:
        """Deliver what is waiting, within `timeout` seconds, and stop. A second call waits for the first."""
        with self.changed:
            if self._close_at is None:
                self._close_at = time.monotonic() + timeout
            self._hurry = True
            self.changed.notify_all()
        self.join(timeout)

    def join(self, timeout: float) -> None:
        if self._started:
            self._thread.join(timeout)

    # On the thread

    def _run(self) -> None:
        # A bot that traces its libraries must not trace this thread: each span sent would make another one.
        with suppress_instrumentation():
            self._deliver_until_closed()

    def _deliver_until_closed(self) -> None:
        with self._logging_bugs():
            self._work.adopt()
        with self._logging_bugs():
            self._work.prepare()
        while self._wait_for_work():
            with contextlib.suppress(RetryLater):  # time is up
                for attempt in self._retrying():
                    with attempt:
                        self._deliver_next()

    def _deliver_next(self) -> None:
        try:
            self._work.deliver_next()
        except RetryLater:
            with self.changed:
                self._failed_closing += self.closing
            raise
        except Exception as error:
            self._log_bug()
            raise RetryLater from error

    def _wait_for_work(self) -> bool:
        """False if it is time to stop."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.closing or self._work.something_waiting(), ADOPT_SECONDS)
                if self._work.something_waiting():
                    return not self._time_is_up()
                if self.closing:
                    return False
            with self._logging_bugs():
                self._work.adopt()

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetryLater),
            wait=self._seconds_to_pause,
            stop=lambda _: self._time_is_up(),
            sleep=self._pause,
            reraise=True,
        )

    def _seconds_to_pause(self, state: tenacity.RetryCallState) -> float:
        backoff = tenacity.wait_exponential(multiplier=FIRST_RETRY_SECONDS, max=LONGEST_RETRY_SECONDS)(state)
        failure = None if state.outcome is None else state.outcome.exception()
        asked = failure.asked if isinstance(failure, RetryLater) else 0.0
        return min(asked, LONGEST_ASKED_SECONDS) + backoff * _jitter()

    def _pause(self, seconds: float) -> None:
        """A flush or the shutdown cuts it short."""
        with self.changed:
            if self._close_at is not None:
                seconds = min(seconds, FIRST_RETRY_SECONDS, max(0.0, self._close_at - time.monotonic()))
                self._hurry = False
            self.changed.wait_for(lambda: self._hurry, seconds)
            self._hurry = False

    def _time_is_up(self) -> bool:
        if self._close_at is None:
            return False
        # What is in the spool is safe: a shutdown must not wait for an unavailable store.
        with self.changed:
            hopeless = self._failed_closing >= LAST_TRIES and self._work.all_spooled()
        return hopeless or time.monotonic() >= self._close_at

    @contextlib.contextmanager
    def _logging_bugs(self) -> Iterator[None]:
        try:
            yield
        except Exception:  # noqa: BLE001 - the thread must live on
            self._log_bug()

    def _log_bug(self) -> None:
        self._log.warn("slashspan failed while delivering and will retry. Please report it.", exc_info=True)
