"""Refuses a value of a standard variable that cannot be used, before anything reads it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from slashspan.errors import ConfigurationError
from slashspan.masking import HIDDEN, mask_url
from slashspan.standard import rules
from slashspan.standard.table import BY_NAME, OTLP, VARIABLES, Treatment, Use, Way

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from slashspan.standard.table import Variable

SHOWN_CHARACTERS: Final = 100
OF_THE_API: Final = (
    "OTEL_PROPAGATORS",
    "OTEL_PYTHON_CONTEXT",
    "OTEL_PYTHON_TRACER_PROVIDER",
    "OTEL_PYTHON_METER_PROVIDER",
)
"""OpenTelemetry's API raises or logs a traceback for a wrong value when it is imported, or first used."""

OF_THE_SDK: Final = (
    *("OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    *("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    *("OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"),
    *("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
    *("OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"),
)
"""The SDK makes a resource and span limits of its own when it is imported."""


def before_import(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for a value with which OpenTelemetry cannot be imported without a traceback."""
    names = OF_THE_API if "opentelemetry.sdk.trace" in sys.modules else (*OF_THE_API, *OF_THE_SDK)
    for name in names:
        _check(BY_NAME[name], environ, ())


def check(environ: Mapping[str, str], uses: Collection[Use]) -> None:
    """Raise ConfigurationError for the first value that cannot be used, in one line: variable, value, choices.

    `uses` says what is in effect: variables that nothing reads are not checked. An empty variable counts as unset.
    """
    for variable in VARIABLES:
        if variable.configure is Treatment.REFUSED and (value := _given(variable.name, environ)):
            raise ConfigurationError(f"{variable.name}={shown(variable, value)} cannot be used: {variable.note}")
        if Treatment.HONOURED in (variable.run, variable.configure):
            in_effect = [use for use in variable.uses if use in uses or use is Use.ALWAYS]
            if in_effect:
                _check(variable, environ, _protocols(variable, environ, in_effect))


def warnings(environ: Mapping[str, str], uses: Collection[Use]) -> Iterator[str]:
    """What to log: variables that have no effect, and booleans that are neither true nor false."""
    for variable in VARIABLES:
        value = _given(variable.name, environ)
        if not value or not any(use in uses or use is Use.ALWAYS for use in variable.uses):
            continue
        if variable.treatment(Way.CONFIGURE) is Treatment.IGNORED:
            yield f"{variable.name}={shown(variable, value)} is ignored: {variable.note}"
        elif variable.rule is rules.BOOLEAN and value.lower() not in ("true", "false"):
            yield f"{variable.name}={shown(variable, value)} counts as false: must be true or false"
    for name, certificate in _without_certificate(environ, uses).items():
        yield f"{name}={environ[name]!r} is ignored: with gRPC it needs {certificate}"


def _without_certificate(environ: Mapping[str, str], uses: Collection[Use]) -> dict[str, str]:
    """Client certificates and keys that gRPC's exporters pass over, and the variable that is missing."""
    found = {}
    for signal, use in OTLP.items():
        if use in uses and protocol(environ, signal) == rules.GRPC:
            for prefix in ("OTEL_EXPORTER_OTLP_", f"OTEL_EXPORTER_OTLP_{signal}_"):
                for name in (f"{prefix}CLIENT_CERTIFICATE", f"{prefix}CLIENT_KEY"):
                    if _given(name, environ) and not _given(f"{prefix}CERTIFICATE", environ):
                        found[name] = f"{prefix}CERTIFICATE"
    return found


def protocol(environ: Mapping[str, str], signal: str) -> str:
    """The OTLP protocol of `TRACES`, `METRICS` or `LOGS`."""
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if value := _given(name, environ):
            return value
    return rules.GRPC


def shown(variable: Variable, value: str) -> str:
    """The value, quoted, without secrets."""
    if variable.rule is rules.ENDPOINT:
        value = mask_url(value)
    elif variable.secret:
        value = HIDDEN
    return repr(value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + HIDDEN)


def _check(variable: Variable, environ: Mapping[str, str], protocols: Collection[str]) -> None:
    if (value := _given(variable.name, environ)) and (complaint := variable.rule.complaint(value, protocols)):
        raise ConfigurationError(f"{variable.name}={shown(variable, value)}: {complaint}")


def _protocols(variable: Variable, environ: Mapping[str, str], uses: Collection[Use]) -> set[str]:
    """Of the signals for which this variable is read; those with one of their own are not among them."""
    word = variable.name.removeprefix("OTEL_EXPORTER_OTLP_")
    return {
        protocol(environ, signal)
        for signal, use in OTLP.items()
        if use in uses and (word.startswith(signal) or not _given(f"OTEL_EXPORTER_OTLP_{signal}_{word}", environ))
    }


def _given(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name, "").strip()
