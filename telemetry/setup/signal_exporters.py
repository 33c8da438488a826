"""Exporters of metrics and of logs, found by name among OpenTelemetry's entry points."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from slashspan.errors import ConfigurationError
from slashspan.setting import NONE
from slashspan.telemetry.setup import standard
from slashspan.telemetry.setup.trace_exporters import OTLP, otlp_endpoint, otlp_entry_point
from slashspan.telemetry.setup.variables import naming_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Signal:
    """`METRICS` or `LOGS`: as its variables are named, with the exporters of the specification and their extras."""

    name: str
    extras: Mapping[str, str]
    """The extra of slashspan that installs an exporter, by the exporter's name; '' for one of the SDK."""

    @property
    def variable(self) -> str:
        """The variable that chooses exporters."""
        return f"OTEL_{self.name}_EXPORTER"

    @property
    def group(self) -> str:
        """The group of entry points."""
        return f"opentelemetry_{self.name.lower()}_exporter"

    def check(self, names: Iterable[str], environ: Mapping[str, str]) -> None:
        """Raise ConfigurationError for an unknown name, or with the pip command if its extra is missing."""
        for name in names:
            self._load(name, environ)

    def build(self, name: str) -> Any:
        """The exporter, created without arguments: it reads its own `OTEL_*` variables. Raises ConfigurationError."""
        loaded = self._load(name, os.environ)
        with naming_variables(f"{self.variable}={name!r}"):
            return loaded(**(standard.otlp_arguments(os.environ, self.name) if name == OTLP else {}))

    def _load(self, name: str, environ: Mapping[str, str]) -> Any:
        if name == OTLP:
            otlp_endpoint(environ, self.name)  # the exporters would quote a wrong one, password included
        point_name = otlp_entry_point(environ, self.name) if name == OTLP else name
        points = {point.name: point for point in entry_points(group=self.group)}
        if point_name in points:
            with naming_variables(f"{self.variable}={name!r}"):
                return points[point_name].load()
        if extra := self.extras.get(name):
            raise ConfigurationError(f"{self.variable}={name} needs an extra: pip install 'slashspan[{extra}]'")
        choices = dict.fromkeys([*self.extras, NONE, *sorted(points)])
        raise ConfigurationError(f"{self.variable}={name!r}: must be a comma-separated list of: {', '.join(choices)}")


METRICS = Signal("METRICS", {OTLP: "otlp", "prometheus": "prometheus", "console": ""})
LOGS = Signal("LOGS", {OTLP: "otlp", "console": ""})
