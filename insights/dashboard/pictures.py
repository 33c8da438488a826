"""Charts as PNG. A process of its own draws each, one at a time, and the latest ones are kept."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from slashspan.insights.charts.render import png_in_process

if TYPE_CHECKING:
    from slashspan.insights.charts import Drawing

KEPT: Final = 50
"""Pictures of about 50 kB each."""
WAITING: Final = 8
"""Visitors who wait for a picture at most: each takes a second, and a process of 100 MB."""


class TooManyError(Exception):
    """Several pictures are being drawn. Try again in a few seconds."""


class Pictures:
    """Draws what has not been drawn yet. The same drawing is the same picture."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def png(self, drawing: Drawing) -> bytes | None:
        """None if it could not be drawn, which is logged. Raises TooManyError."""
        content = json.dumps([drawing.sentence, drawing.spec, drawing.height]).encode()
        key = blake2b(content, digest_size=16).digest()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if self._waiting >= WAITING:
            raise TooManyError(TooManyError.__doc__)
        self._waiting += 1
        try:
            async with self._turn:
                if key not in self._kept:  # whoever was first may have asked for the same one
                    drawn = await png_in_process(drawing)
                    if drawn is None:
                        return None
                    self._kept[key] = drawn
        finally:
            self._waiting -= 1
        picture = self._kept[key]
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return picture
