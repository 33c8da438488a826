"""Values as people read them. Names come from users, so they are never interpreted as markup."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from slashspan.insights.wording import cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.insights.result import Unit

NONE: Final = "–"
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def shown(text: str) -> Text:
    """Safe for a terminal: control and direction characters, which could rewrite the line, become `�`."""
    return Text("".join("�" if unicodedata.category(char) in ("Cc", "Cf") else char for char in text))


def formatted(value: Any, unit: Unit) -> Text:
    """One value; None is a dash."""
    if value is None:
        return Text(NONE, style="dim")
    if unit == "name":
        return shown(value) if value else Text("(unknown)", style="dim")
    return Text(plain_text(value, unit))


def plain_text(value: Any, unit: Unit) -> str:
    """A value that is not a name."""
    return milliseconds(value) if unit == "ms" else cell(value, unit)


def milliseconds(value: float) -> str:
    """Without the unit, which is in the head of the column; seconds from ten on, hours from two on."""
    size = abs(value)
    if size >= 7_200_000:
        return f"{value / 3_600_000:,.1f} h"
    if size >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f}" if size >= 100 else f"{value:,.1f}"


def sparkline(values: Sequence[float]) -> str:
    """One character each; the lowest is empty only for nothing at all."""
    top = max(values, default=0)
    return "".join(
        _BLOCKS[min(len(_BLOCKS) - 1, int(value / top * len(_BLOCKS)))] if top and value else " " for value in values
    )


def bar(value: float, top: float, width: int) -> str:
    """A bar in eighths of a character; whatever is not nothing can be seen."""
    eighths = max(1, round(value / top * width * 8)) if top and value > 0 else 0
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()
