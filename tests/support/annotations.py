"""What a bot may set on its span: values of every type, and those that a database or a protocol finds difficult."""

from __future__ import annotations

from typing import Any, Final

from discord_standin.people import NAMES

CHECKPOINTS: Final = ("rows_fetched", "näm e \U0001f3b2", 'say "hi"\\\n')
_VALUES: Final[dict[str, Any]] = {
    "text": "plain",
    "empty": "",
    "quotes": 'it\'s "quoted" \\ and\ttabbed\nand broken',
    "number": "42",
    "json": '{"a": [1, null]}',
    "integer": 7,
    "negative": -(2**63),
    "above doubles": 2**53 + 1,
    "largest": 2**63 - 1,
    "fraction": 0.1,
    "third": 1 / 3,
    "whole": 3.0,
    "huge": 1e300,
    "tiny": 5e-324,
    "nan": float("nan"),
    "infinite": float("-inf"),
    "yes": True,
    "no": False,
    "texts": ("a", "", 'b "c"'),
    "integers": (1, -2, 2**60),
    "fractions": (0.5, 1e-7),
    "none": (),
    "flags": (True, False),
}
ATTRIBUTES: Final[list[dict[str, Any]]] = [
    {},
    _VALUES,
    *({f"ladder.{name}": value} for name, value in _VALUES.items()),
    *({name: name, f"key {name}": "x"} for name in NAMES),
    {"": "no key", " ": "a space", "a.b.c": 1, "ä": "ö", "x" * 300: "y" * 3000},
]
"""Of one command each."""
