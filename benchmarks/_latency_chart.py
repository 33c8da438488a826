"""The chart of `command_latency`: a panel for each command, a pair of bars for each logging strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Key = tuple[str, bool]
    """A logging strategy, and whether the quick wins are on."""

OFF: Final = "#9aa5b1"
ON: Final = "#1f6feb"
REPORTED: Final = "#d1242f"
HEIGHT: Final = 0.38


def draw(
    file: Path,
    strategies: Sequence[str],
    measured: Mapping[str, Mapping[Key, tuple[float, float]]],
    reported: Mapping[str, Mapping[Key, float]],
) -> None:
    """`measured`: p50 and p99 in milliseconds by command; `reported`: p50 of the bot that motivated slashspan."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Text stays text, and equal figures give an identical file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "slashspan", "font.size": 9}):
        figure = Figure(figsize=(11, 6.5), layout="constrained")
        panels: Any = figure.subplots(2, 2, sharey=True).flat
        for axes, (command, values) in zip(panels, measured.items(), strict=True):
            _panel(axes, command, strategies, values, reported[command])
        figure.suptitle("Gateway frame to answer, database 160 ms away (bar: p50, line: p99)")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        figure.savefig(file, format="svg", metadata={"Date": None})


def _panel(
    axes: Any,
    command: str,
    strategies: Sequence[str],
    values: Mapping[Key, tuple[float, float]],
    reported: Mapping[Key, float],
) -> None:
    for wins, color, name in ((False, OFF, "quick wins off"), (True, ON, "quick wins on")):
        places = [number + (HEIGHT if wins else 0) for number in range(len(strategies))]
        p50s = [values[strategy, wins][0] for strategy in strategies]
        tails = [max(0.0, values[strategy, wins][1] - values[strategy, wins][0]) for strategy in strategies]
        bars = axes.barh(
            places, p50s, HEIGHT, xerr=[[0.0] * len(strategies), tails], color=color, label=name, error_kw={"lw": 0.8}
        )
        axes.bar_label(bars, [f"{p50:.0f}" if p50 >= 10 else f"{p50:.1f}" for p50 in p50s], padding=6, fontsize=8)
    if reported:
        heights = [strategies.index(strategy) + (HEIGHT if wins else 0) for strategy, wins in reported]
        axes.plot(
            list(reported.values()), heights, "D", color=REPORTED, markersize=4, label="reported", linestyle="none"
        )
    axes.set_title(f"/{command}", loc="left", fontweight="bold")
    axes.set_yticks([number + HEIGHT / 2 for number in range(len(strategies))], strategies)
    axes.set_xlabel("ms")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
