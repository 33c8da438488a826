"""What a page says while sums are being built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from slashspan.insights.sums.progress import Progress

STALLED_SECONDS: Final = 60.0
"""Without progress for so long, nobody builds them."""

SHARE: Final = 20
"""How much longer than asking for the progress the pause after it is: on a large table it takes a while."""


def next_look(began: float, ended: float, every: float) -> float:
    """When to ask for the progress again, if it was asked for from `began` to `ended` and should be after `every`
    seconds."""
    return max(began + every, ended + SHARE * (ended - began))


class Building:
    """Sees the progress again and again, and puts it into words."""

    def __init__(self) -> None:
        self._seen: Progress | None = None
        self._since = 0.0
        self.text = ""
        """Empty if there is nothing to wait for."""

    def see(self, progress: Progress | None, now: float) -> None:
        """`now`: seconds of a clock that never goes back."""
        if progress != self._seen:
            self._seen, self._since = progress, now
        if progress is None:
            self.text = ""
        elif now - self._since < STALLED_SECONDS:
            self.text = (
                f"Summing up {progress.days:,} days once: day {progress.done:,} of {progress.days:,}. "
                "Until then all rows are read, which takes longer."
            )
        else:
            self.text = (
                f"Only {progress.done:,} of {progress.days:,} days are summed, so all rows are read, which takes "
                "longer. `slashspan rollup build` sums the others."
            )
