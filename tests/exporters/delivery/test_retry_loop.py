"""The loop that retries."""

from __future__ import annotations

import random

import pytest

from slashspan.exporters.delivery import retry_loop
from slashspan.exporters.delivery.retry_loop import RetryLater, RetryLoop
from tests.support.waiting import until


class Failing:
    """Work that fails."""

    failures = 0

    def adopt(self) -> None: ...

    def prepare(self) -> None: ...

    def something_waiting(self) -> bool:
        return True

    def all_spooled(self) -> bool:
        return True

    def deliver_next(self) -> None:
        self.failures += 1
        raise RetryLater


def test_retries_draw_nothing_from_the_global_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_loop, "FIRST_RETRY_SECONDS", 0.001)
    work = Failing()
    loop = RetryLoop("test", work)
    random.seed(7)
    loop.start()
    until(lambda: work.failures > 5)
    loop.close(0.1)
    assert random.random() == random.Random(7).random()
