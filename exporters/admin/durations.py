"""Durations such as `90d`, in which users say how long rows are kept."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from slashspan.errors import ConfigurationError

DAYS: Final = {"d": 1, "w": 7, "y": 365}
_FORM = re.compile(r"\s*(\d{1,6})\s*([dwy])\s*", re.IGNORECASE)


def parse_duration(text: str) -> timedelta:
    """Days, weeks or years of 365 days: `90d`, `12w`, `1y`. Raises ConfigurationError."""
    match = _FORM.fullmatch(text)
    days = int(match[1]) * DAYS[match[2].lower()] if match else 0
    if not days or days > 100 * 365:
        raise ConfigurationError(f"{text!r} is not a duration: use 90d, 12w or 1y; at least 1d and at most 100y")
    return timedelta(days=days)
