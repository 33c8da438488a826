"""What is said while sums are being built, and when nobody builds them any more."""

from __future__ import annotations

from slashspan.insights.dashboard.building import STALLED_SECONDS, Building, next_look
from slashspan.insights.sums.progress import Progress


def test_progress_is_said_until_there_is_none() -> None:
    building = Building()
    building.see(None, 0.0)
    assert building.text == ""
    building.see(Progress(41, 90), 1.0)
    assert building.text.startswith("Summing up 90 days once: day 41 of 90.")
    building.see(Progress(42, 90), STALLED_SECONDS)
    building.see(Progress(42, 90), 2 * STALLED_SECONDS - 0.1)
    assert "day 42 of 90" in building.text
    building.see(None, 2 * STALLED_SECONDS)
    assert building.text == ""


def test_without_progress_it_is_said_how_to_go_on() -> None:
    building = Building()
    building.see(Progress(41, 90), 1.0)
    building.see(Progress(41, 90), 1.0 + STALLED_SECONDS)
    assert building.text.startswith("Only 41 of 90 days are summed")
    assert "`slashspan rollup build`" in building.text
    building.see(Progress(43, 90), 2.0 + STALLED_SECONDS)
    assert "day 43 of 90" in building.text


def test_the_longer_it_takes_to_ask_the_longer_is_the_pause() -> None:
    assert next_look(100.0, 100.0, 10.0) == 110.0
    assert next_look(100.0, 100.1, 10.0) == 110.0
    assert next_look(100.0, 102.0, 10.0) >= 140.0
    assert next_look(100.0, 102.0, 1.0) == next_look(100.0, 102.0, 10.0)
