"""The service that a row belongs to: its name, version and environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from slashspan.exporters.rows.values import as_text
from slashspan.service_name import is_unknown, process_name

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

Service: TypeAlias = "tuple[str | None, str | None, str | None]"
"""Name, version, environment."""

_last_service: tuple[Resource | None, Service] = (None, (None, None, None))


def service_of(resource: Resource) -> Service:
    """The bot's service, from the resource; where that names none, the script's or module's name."""
    # A process has one or two resources; hashing one would cost more than the row.
    global _last_service
    known, service = _last_service
    if known is not resource:
        get = resource.attributes.get
        environment = get("deployment.environment.name", get("deployment.environment"))
        name = _optional(get("service.name"))
        if is_unknown(name):
            name = process_name()
        service = (name, _optional(get("service.version")), _optional(environment))
        _last_service = (resource, service)
    return service


def _optional(value: Any) -> str | None:
    return None if value is None else as_text(value)
