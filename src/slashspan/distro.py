"""What `opentelemetry-instrument python bot.py` starts: the same recording as `slashspan run`.

A process in which both classes are in charge records from its first import of discord on, with the processors, the
spool and the shutdown of `slashspan run`; the default exporter is `command_calls`. Processes that never import discord
are left alone. Where another distro is installed as well, the distro that is loaded decides: `OTEL_PYTHON_DISTRO` and
`OTEL_PYTHON_CONFIGURATOR` choose.

Loaded before the bot's first line, so nothing here imports discord, the SDK or another package of ours.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]

from slashspan import service_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

NAME: Final = "slashspan"
"""Of both entry points."""
INSTRUMENTOR: Final = "slashspan.telemetry.instrument.instrumentor:DiscordInstrumentor"
LOGGING: Final = "logging"
"""The entry point of OpenTelemetry's instrumentation of `logging`."""
CONFIGURATOR_VARIABLE: Final = "OTEL_PYTHON_CONFIGURATOR"
FIRST_IMPORT: Final = ("telemetry", "setup", "autostart", "path", "sitecustomize.py")

_log = logging.getLogger("slashspan")


class SlashspanDistro(BaseDistro):  # type: ignore[misc] # ships no types
    """Sets the defaults of `slashspan run`, and lets discord.py be instrumented when the bot imports it."""

    in_charge = False
    """Whether OpenTelemetry has chosen this distro for the process."""

    def _configure(self, **_: Any) -> None:
        SlashspanDistro.in_charge = True
        os.environ.setdefault("OTEL_TRACES_EXPORTER", "command_calls")
        os.environ.setdefault(CONFIGURATOR_VARIABLE, NAME)
        if not service_name.is_given(os.environ):
            os.environ.setdefault(service_name.VARIABLE, service_name.of_command(sys.orig_argv))

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        if SlashspanConfigurator.in_charge and entry_point.name == LOGGING:
            return  # `slashspan.configure` honours its variables, and leaves the bot's handlers alone
        if SlashspanConfigurator.in_charge and entry_point.value == INSTRUMENTOR:
            record_from_first_import()
        else:
            super().load_instrumentor(entry_point, **kwargs)


class SlashspanConfigurator:
    """Leaves the SDK to `slashspan.configure`, which runs at the first import of discord.

    Where another distro was loaded and nobody chose this configurator, the SDK's own does the work: what that distro
    has set is meant for it.
    """

    in_charge = False

    def configure(self, **kwargs: Any) -> None:
        if SlashspanDistro.in_charge:
            SlashspanConfigurator.in_charge = True
        elif os.environ.get(CONFIGURATOR_VARIABLE) == NAME:
            SlashspanConfigurator.in_charge = True
            if not service_name.is_given(os.environ):
                os.environ.setdefault(service_name.VARIABLE, service_name.of_command(sys.orig_argv))
            record_from_first_import()
        else:
            from opentelemetry.sdk._configuration import _OTelSDKConfigurator

            _log.warning(
                "another OpenTelemetry distro is loaded, so the SDK's configurator sets up this process; for the "
                "processors and the shutdown of slashspan set OTEL_PYTHON_DISTRO=slashspan"
            )
            configurator: Any = _OTelSDKConfigurator
            configurator().configure(**kwargs)


def record_from_first_import() -> None:
    """As if `slashspan run` had started this process."""
    path = Path(__file__).parent.joinpath(*FIRST_IMPORT)
    spec = importlib.util.spec_from_file_location("_slashspan_first_import", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
