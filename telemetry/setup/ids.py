"""The id generator of our own provider: private random ids, or the one that `OTEL_PYTHON_ID_GENERATOR` names."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.id_generator import IdGenerator

from slashspan.errors import ConfigurationError
from slashspan.private_ids import PrivateIds
from slashspan.telemetry.setup.variables import naming_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE: Final = "OTEL_PYTHON_ID_GENERATOR"
GROUP: Final = "opentelemetry_id_generator"
_RANDOM: Final = "random"


class _PrivateIds(PrivateIds, IdGenerator):
    """Our generator as the SDK's type."""


def id_generator(environ: Mapping[str, str]) -> IdGenerator:
    """The generator that `OTEL_PYTHON_ID_GENERATOR` names. `random`, the SDK's default, is ours.

    Raises ConfigurationError for a name that is not installed or cannot be created.
    """
    name = environ.get(VARIABLE, "").strip() or _RANDOM
    if name == _RANDOM:
        return _PrivateIds()
    points = entry_points(group=GROUP)
    point = next((point for point in points if point.name == name), None)
    if point is None:
        choices = ", ".join(sorted({_RANDOM} | {point.name for point in points}))
        raise ConfigurationError(f"{VARIABLE}={name!r}: must be one of: {choices}")
    with naming_variables(f"{VARIABLE}={name!r}"):
        generator = point.load()()
    if not isinstance(generator, IdGenerator):
        raise ConfigurationError(f"{VARIABLE}={name!r} is not an id generator")
    return generator
