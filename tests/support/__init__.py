"""Helpers that tests share; test modules do not import each other (tests/test_layout.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
"""The repository's root folder."""
