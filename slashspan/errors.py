"""The error that is fixed by editing a setting."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """A setting is wrong. The message names the setting, its value (secrets masked) and the choices."""
