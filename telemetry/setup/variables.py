"""A wrong value of one of OpenTelemetry's own variables is a configuration error like one of ours, not a traceback."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def naming_variables(what: str) -> Iterator[None]:
    """Turn what `what` raises while it reads `OTEL_*` variables into a ConfigurationError.

    It names the variables whose value the exception quotes. It quotes no value: headers and URLs contain keys.
    """
    try:
        yield
    except ConfigurationError:
        raise
    except ImportError as error:
        raise ConfigurationError(f"{what} cannot be loaded: {error}") from error
    except Exception as error:  # noqa: BLE001 - whatever somebody else's exporter raises
        text = str(error)
        names = sorted(
            name for name, value in os.environ.items() if name.startswith("OTEL_") and value and value in text
        )
        reason = f"invalid value of {', '.join(names)}" if names else "check the OTEL_* variables"
        raise ConfigurationError(f"{what} cannot be set up ({type(error).__name__}): {reason}") from None
