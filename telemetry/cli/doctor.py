"""`slashspan doctor`."""

from __future__ import annotations

import os
import platform
import socket
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from slashspan.settings import COMMAND_CALLS, SETTINGS, unknown_variables
from slashspan.telemetry.cli.options import FAILED_STATUS, dsn_option, env_file_option, settings_of
from slashspan.telemetry.cli.output import say, say_json
from slashspan.telemetry.cli.rollup import diagnose_sums

if TYPE_CHECKING:
    from slashspan.exporters.admin.doctor import Finding
    from slashspan.settings import Settings
    from slashspan.telemetry.setup.trace_exporters import Endpoint

CONNECT_SECONDS: Final = 3.0
_COLOURS: Final = {"ok": "green", "note": "blue", "warning": "yellow", "error": "red"}
_PACKAGES: Final = ("slashspan", "discord.py", "opentelemetry-sdk", "asyncpg", "clickhouse-connect")


@click.command(short_help="Find out what is wrong, and how to fix it.")
@env_file_option
@dsn_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def doctor(dsn: str | None, as_json: bool) -> None:
    """Check settings, store, rights, schema, clock and spool, and say what is wrong and how to fix it.

    Changes nothing. Exit status: 0 if rows can be stored, even with warnings; 1 for an error; 2 for an invalid setting.
    """
    from slashspan.telemetry.setup import standard
    from slashspan.telemetry.setup.config_file import ConfigFile

    file = ConfigFile.load(os.environ)
    settings = settings_of(dsn) if file is None else settings_of(dsn, file.environ(os.environ))
    if file is None:
        standard.refuse_unusable(os.environ, settings, own_provider=True)
    found = [*_settings(settings), *_versions(), *_stores(settings), *_collectors(settings)]
    if not any(finding.level == "error" and finding.subject == "store" for finding in found):
        found += diagnose_sums(settings)
    if as_json:
        say_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            click.secho(f"{finding.level:>7}", fg=_COLOURS[finding.level], nl=False)
            say(f"  {finding.subject}: {finding.text}")
            if finding.fix:
                say(f"{'':9}→ {finding.fix}")
    sys.exit(FAILED_STATUS if any(finding.level == "error" for finding in found) else 0)


def _settings(settings: Settings) -> list[Finding]:
    from slashspan.exporters.admin.doctor import Finding, Level

    found = []
    for setting in SETTINGS:
        given = os.environ.get(setting.name, "").strip()
        if given:
            found.append(Finding(Level.NOTE, "setting", f"{setting.name}={setting.shown(given)}"))
    fix = "docs/reference.md lists all settings"
    unknown = unknown_variables(os.environ)
    found += [Finding(Level.WARNING, "setting", f"unknown setting {name}", fix) for name in unknown]
    if not settings.exporters:
        fix = "set OTEL_TRACES_EXPORTER=command_calls, and do not set OTEL_SDK_DISABLED"
        said = "everything is off: nothing is recorded" if settings.off else "traces and rows are off"
        found.append(Finding(Level.WARNING, "exporter", said, fix))
    else:
        found.append(Finding(Level.OK, "exporter", ", ".join(settings.exporters)))
    for what, exporters in (("metrics", settings.metrics.exporters), ("logs", settings.logs.exporters)):
        if exporters:
            found.append(Finding(Level.OK, what, ", ".join(exporters)))
    return found


def _versions() -> list[Finding]:
    from importlib.metadata import distributions  # takes longer to import than this command line

    from slashspan.exporters.admin.doctor import Finding, Level
    from slashspan.telemetry.instrument.instrumentor import DiscordInstrumentor

    installed = {distribution.name.lower(): distribution.version for distribution in distributions()}
    said = ", ".join(f"{name} {installed.get(name, 'missing')}" for name in _PACKAGES)
    found = [Finding(Level.NOTE, "versions", f"Python {platform.python_version()}, {said}")]
    conflict = DiscordInstrumentor()._check_dependency_conflicts()
    if conflict is not None:
        found.append(Finding(Level.ERROR, "discord.py", str(conflict), "pip install 'discord.py>=2.4,<3'"))
    return found


def _stores(settings: Settings) -> list[Finding]:
    from slashspan.exporters.admin.doctor import clickhouse, postgres, spool, sqlite
    from slashspan.exporters.spool.destinations import Destination
    from slashspan.table import Table

    found: list[Finding] = []
    dsn, table = settings.dsn, Table.parse(settings.table, schemas=settings.dsn.has_schemas)
    if dsn.is_clickhouse:  # whatever the exporters are: bots do not write to it themselves
        found += clickhouse.diagnose(dsn, table, writes=COMMAND_CALLS in settings.exporters)
    elif COMMAND_CALLS in settings.exporters or not settings.exporters:
        found += (sqlite if dsn.is_sqlite else postgres).diagnose(dsn, table)
    here = Destination.of(None, dsn, settings.table)
    return [*found, *spool.diagnose(settings.spool, settings.spool_max_bytes, here)]


def _collectors(settings: Settings) -> list[Finding]:
    """Each place to which traces, metrics or logs are sent over OTLP, once."""
    from slashspan.telemetry.setup.trace_exporters import OTLP, otlp_endpoint  # imports the SDK

    signals = {"TRACES": settings.exporters, "METRICS": settings.metrics.exporters, "LOGS": settings.logs.exporters}
    places: dict[Endpoint, str] = {}
    for signal, exporters in signals.items():
        if OTLP in exporters:
            places.setdefault(otlp_endpoint(os.environ, signal), signal)
    return [_collector(endpoint, signal) for endpoint, signal in places.items()]


def _collector(endpoint: Endpoint, signal: str) -> Finding:
    from slashspan.exporters.admin.doctor import Finding, Level

    try:
        socket.create_connection((endpoint.host, endpoint.port), CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:
        until_then = "spans wait in the spool" if signal == "TRACES" else f"{signal.lower()} are lost"
        fix = f"start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT; until then {until_then}"
        return Finding(Level.ERROR, "collector", f"{endpoint}: {error}", fix)
    return Finding(Level.OK, "collector", f"{endpoint} accepts connections")
