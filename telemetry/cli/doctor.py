"""`slashspan doctor`."""

from __future__ import annotations

import os
import platform
import socket
import sys
from dataclasses import asdict
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click
from rich.console import Console

from slashspan.settings import COMMAND_CALLS, SETTINGS, unknown_variables
from telemetry.cli.options import FAILED_STATUS, dsn_option, env_file_option, settings_of
from telemetry.setup.trace_exporters import OTLP, otlp_endpoint

if TYPE_CHECKING:
    from exporters.admin.doctor import Finding
    from slashspan.settings import Settings

CONNECT_SECONDS: Final = 3.0
_COLOURS: Final = {"ok": "green", "note": "blue", "warning": "yellow", "error": "red"}
_PACKAGES: Final = ("slashspan", "discord.py", "opentelemetry-sdk", "asyncpg")


@click.command(short_help="What is wrong, and how to mend it.")
@env_file_option
@dsn_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def doctor(dsn: str | None, as_json: bool) -> None:
    """Look at settings, store, rights, schema, clock and spool, and say what is wrong and how to mend it.

    Changes nothing. Exit status: 0 when rows can be stored, warnings included; 1 with an error; 2 when a setting is
    wrong.
    """
    settings = settings_of(dsn)
    found = [*_settings(settings), *_versions(), *_stores(settings), *_collector(settings)]
    console = Console(highlight=False)
    if as_json:
        console.print_json(data=[asdict(finding) for finding in found])
    else:
        for finding in found:
            console.print(f"[{_COLOURS[finding.level]}]{finding.level:>7}[/]  {finding.subject}:", end=" ")
            console.print(finding.text, markup=False)
            if finding.mend:
                console.print(f"{'':9}→ {finding.mend}", markup=False)
    sys.exit(FAILED_STATUS if any(finding.level == "error" for finding in found) else 0)


def _settings(settings: Settings) -> list[Finding]:
    from exporters.admin.doctor import Finding, Level
    from exporters.stores.dsn import masked

    found = []
    for setting in SETTINGS:
        given = os.environ.get(setting.name, "").strip()
        if given:
            shown = masked(given) if setting.name == "SLASHSPAN_DSN" else "…" if setting.secret else given
            found.append(Finding(Level.NOTE, "setting", f"{setting.name}={shown}"))
    unknown = unknown_variables(os.environ)
    found += [Finding(Level.WARNING, "setting", f"{name} is none", "docs/reference.md lists them") for name in unknown]
    if not settings.exporters:
        mend = "set OTEL_TRACES_EXPORTER=command_calls, and OTEL_SDK_DISABLED not at all"
        found.append(Finding(Level.WARNING, "exporter", "everything is off: nothing is recorded", mend))
    else:
        found.append(Finding(Level.OK, "exporter", ", ".join(settings.exporters)))
    return found


def _versions() -> list[Finding]:
    from exporters.admin.doctor import Finding, Level
    from telemetry.instrument.instrumentor import DiscordInstrumentor

    installed = {distribution.name.lower(): distribution.version for distribution in distributions()}
    said = ", ".join(f"{name} {installed.get(name, 'missing')}" for name in _PACKAGES)
    found = [Finding(Level.NOTE, "versions", f"Python {platform.python_version()}, {said}")]
    conflict = DiscordInstrumentor()._check_dependency_conflicts()
    if conflict is not None:
        found.append(Finding(Level.ERROR, "discord.py", str(conflict), "pip install 'discord.py>=2.4,<3'"))
    return found


def _stores(settings: Settings) -> list[Finding]:
    from exporters.admin.doctor import spool
    from exporters.admin.migrate import is_sqlite
    from exporters.spool.destinations import Destination
    from exporters.stores.dsn import check_postgresql

    found: list[Finding] = []
    if COMMAND_CALLS in settings.exporters or not settings.exporters:
        if is_sqlite(settings.dsn):
            from exporters.admin.doctor import sqlite as store
        else:
            check_postgresql(settings.dsn)
            from exporters.admin.doctor import postgres as store  # type: ignore[no-redef]
        found += store.diagnose(settings.dsn, settings.table)
    here = Destination.of(None, settings.dsn, settings.table)
    return [*found, *spool.diagnose(settings.spool, settings.spool_max_bytes, here)]


def _collector(settings: Settings) -> list[Finding]:
    from exporters.admin.doctor import Finding, Level

    if OTLP not in settings.exporters:
        return []
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    endpoint = otlp_endpoint(os.environ) or f"http://localhost:{4317 if protocol == 'grpc' else 4318}"
    parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    port = parts.port or (443 if parts.scheme == "https" else 4317 if protocol == "grpc" else 80)
    try:
        socket.create_connection((parts.hostname or "localhost", port), CONNECT_SECONDS).close()
    except OSError as error:
        mend = "start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT; until then spans wait in the spool"
        return [Finding(Level.ERROR, "collector", f"{endpoint}: {error}", mend)]
    return [Finding(Level.OK, "collector", f"{endpoint} takes connections")]
