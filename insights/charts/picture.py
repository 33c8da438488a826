"""Pictures of charts, without a browser: vl-convert has Vega and its own fonts inside.

It holds the GIL while it draws, up to a second: in a bot, call it in a process of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.errors import ConfigurationError
from slashspan.insights.charts.drawing import VEGA_LITE, WIDTH, Drawing

if TYPE_CHECKING:
    from types import ModuleType

LIGHT: Final = ("#ffffff", "#1f2328")
DARK: Final = ("#16181d", "#e6e8eb")
"""Background and text."""
_SCALE: Final = 2.0
"""Pixels of a picture for each of the specification: sharp on dense screens."""


def png(drawing: Drawing, *, width: int = WIDTH, dark: bool = False) -> bytes:
    """A PNG, twice `width` pixels wide, titled by the sentence. Raises ConfigurationError without vl-convert."""
    return bytes(
        _vl_convert().vegalite_to_png(
            specification(drawing, width=width, dark=dark), vl_version=VEGA_LITE, scale=_SCALE
        )
    )


def svg(drawing: Drawing, *, width: int = WIDTH, dark: bool = False) -> str:
    """The same as SVG."""
    return str(_vl_convert().vegalite_to_svg(specification(drawing, width=width, dark=dark), vl_version=VEGA_LITE))


def inline_svg(drawing: Drawing, *, width: int = WIDTH) -> str:
    """For a page that has the title in its text: no background, and the page's own colour of text."""
    # A browser's font can be wider than the one that vl-convert measures with.
    spec = {**drawing.sized(width, text="currentColor"), "padding": {"left": 12, "right": 16, "top": 0, "bottom": 0}}
    return str(_vl_convert().vegalite_to_svg(spec, vl_version=VEGA_LITE))


def specification(drawing: Drawing, *, width: int = WIDTH, dark: bool = False) -> dict[str, Any]:
    """The complete Vega-Lite specification of a picture, with its data."""
    background, text = DARK if dark else LIGHT
    if drawing.spec is None:
        words = {
            "data": {"values": [{}]},
            "mark": {"type": "text", "fontSize": 14},
            "encoding": {"text": {"value": drawing.sentence}},
        }
        drawing = Drawing("", words, 60)
    spec = drawing.sized(width, text=text, title=bool(drawing.sentence))
    return {**spec, "background": background, "padding": 16}


def _vl_convert() -> ModuleType:
    try:
        import vl_convert
    except ImportError:
        raise ConfigurationError("drawing charts needs vl-convert: pip install 'slashspan[charts]'") from None
    return vl_convert
