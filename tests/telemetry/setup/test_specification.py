"""The specification's rules for all variables: empty ones, booleans; and what wrong ones do in real processes.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import slashspan
from slashspan.standard.check import warnings
from slashspan.standard.table import VARIABLES, Use
from slashspan.telemetry.setup.trace_exporters import build
from tests.support import global_providers
from tests.support.processes import PLAIN, RUN, bot_process

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGS = "OTEL_EXPORTER_OTLP_LOGS"
INSTRUMENT = str(Path(sys.executable).parent / "opentelemetry-instrument")


@pytest.fixture
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    global_providers.unset(monkeypatch)
    monkeypatch.setenv("SLASHSPAN_DSN", f"sqlite:///{tmp_path / 'calls.db'}")
    monkeypatch.setenv("SLASHSPAN_SPOOL", str(tmp_path / "spool"))
    yield
    slashspan.configure().shutdown(0.1)


@pytest.mark.usefixtures("_files")
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable.name, "")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "command_calls,otlp")
    handle = slashspan.configure()
    assert handle.settings.exporters == ("command_calls", "otlp")
    assert handle._provider is not None
    assert handle._provider._span_limits.max_span_attributes == 128
    assert [record for record in caplog.records if record.name == "slashspan"] == []
    assert os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] == "", "the bot's environment stays as it was"


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(
    ("value", "exporters", "warnings"),
    [
        ("TRUE", (), 0),
        (" true ", (), 0),
        ("False", ("command_calls",), 0),
        ("1", ("command_calls",), 1),
        ("yes", ("command_calls",), 1),
    ],
)
def test_only_true_disables_the_sdk_and_other_words_are_a_warning(
    value: str,
    exporters: tuple[str, ...],
    warnings: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    assert slashspan.configure().settings.exporters == exporters
    said = f"OTEL_SDK_DISABLED={value!r} counts as false: must be true or false"
    assert [record.getMessage() for record in caplog.records].count(said) == warnings


def test_compression_none_is_no_error_with_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "None")
    exporter = build("otlp")
    exporter.shutdown()
    assert exporter._compression.name == "NoCompression"  # type: ignore[attr-defined]


def test_a_client_certificate_that_grpc_passes_over_is_a_warning() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": "a.pem",
        f"{LOGS}_CLIENT_CERTIFICATE": "b.pem",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE": "c.pem",
    }
    uses = [Use.TRACES, Use.METRICS_OTLP, Use.LOGS_OTLP]
    ignored = [
        "OTEL_EXPORTER_OTLP_CLIENT_KEY='a.pem' is ignored: with gRPC it needs OTEL_EXPORTER_OTLP_CERTIFICATE",
        f"{LOGS}_CLIENT_CERTIFICATE='b.pem' is ignored: with gRPC it needs {LOGS}_CERTIFICATE",
    ]
    assert list(warnings(environ, uses)) == ignored
    certified = {**environ, "OTEL_EXPORTER_OTLP_CERTIFICATE": "d.pem", f"{LOGS}_CERTIFICATE": "d.pem"}
    assert list(warnings(certified, uses)) == []


def ended(command: list[str], folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SLASHSPAN_"))}
    return subprocess.run(
        command, cwd=folder, env={**inherited, **environ}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OTEL_PROPAGATORS", "carrier-pigeon", "must be "),
        ("OTEL_PYTHON_CONTEXT", "none", "must be "),
        ("OTEL_BSP_SCHEDULE_DELAY", "1" * 15, "must be "),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc", "must be "),
        ("OTEL_RESOURCE_ATTRIBUTES", "team", "item 1 is not name=value"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "carrier-pigeon", "must be "),
    ],
)
def test_the_command_ends_with_one_line_before_the_bot_starts(name: str, value: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text("print('the bot starts')")
    done = ended([sys.executable, *RUN, "bot.py"], tmp_path, {name: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"slashspan: {name}={value!r}: {said}")


@pytest.mark.parametrize("name", ["OTEL_PROPAGATORS", "OTEL_SPAN_LINK_COUNT_LIMIT"])
def test_configure_raises_before_opentelemetry_does(name: str, tmp_path: Path) -> None:
    script = "import slashspan\ntry: slashspan.configure()\nexcept Exception as error: print(type(error), error)"
    done = ended([sys.executable, "-c", script], tmp_path, {name: "carrier-pigeon"})
    assert done.stdout.startswith(f"<class 'slashspan.errors.ConfigurationError'> {name}='carrier-pigeon': must be a")
    assert done.stderr == ""


async def test_under_opentelemetry_instrument_it_is_one_line_and_the_bot_runs(tmp_path: Path) -> None:
    environ = {
        "OTEL_PYTHON_DISTRO": "slashspan",
        "OTEL_TRACES_EXPORTER": "command_calls,otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": "key hunter2",
    }
    async with bot_process([INSTRUMENT, sys.executable, PLAIN], tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0
    line = "slashspan does not record: OTEL_EXPORTER_OTLP_HEADERS='…': item 1 is not name=value"
    assert bot.output.splitlines().count(line) == 1
    assert "Traceback" not in bot.output
    assert "hunter2" not in bot.output
