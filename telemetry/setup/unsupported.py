"""Standard variables that ask for what slashspan does not do: said, never passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


def refuse_config_file(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError: where the file is set, the specification has every other variable ignored."""
    if path := environ.get("OTEL_CONFIG_FILE", "").strip():
        raise ConfigurationError(
            f"OTEL_CONFIG_FILE={path!r}: slashspan does not read it; use the OTEL_* variables of docs/reference.md, or "
            "load the file in the bot before slashspan.configure(), which then adds to that TracerProvider"
        )
