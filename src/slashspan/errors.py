"""The error for invalid settings."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """A setting is invalid. The message names it, its value (without secrets) and what is allowed."""
