"""A value that cannot be used is one line by every way to start: variable, value, choices; secrets are not shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import slashspan
from slashspan.errors import ConfigurationError
from slashspan.standard import rules
from slashspan.standard.table import VARIABLES, Treatment, Variable
from slashspan.telemetry.cli import cli
from slashspan.telemetry.setup import autostart
from tests.support import global_providers

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = {
    "OTEL_TRACES_EXPORTER": "command_calls,otlp",
    "OTEL_METRICS_EXPORTER": "otlp,prometheus",
    "OTEL_LOGS_EXPORTER": "otlp",
}
"""With these, every variable is in effect."""
HUGE, ENDLESS = "9" * 20, str(10**14)
COUNTS = ["abc", "-1", "0", "1.5", HUGE]
SECRET = "hunter2"
BY_NAME = {
    "OTEL_SDK_DISABLED": [],
    "OTEL_CONFIG_FILE": ["no-such-file.yaml"],
    "OTEL_EXPERIMENTAL_CONFIG_FILE": ["otel.yaml"],
    "OTEL_TRACES_EXPORTER": ["command_calls,none", "carrier-pigeon"],
    "OTEL_METRICS_EXPORTER": ["otlp,none", "carrier-pigeon"],
    "OTEL_LOGS_EXPORTER": ["otlp,none", "carrier-pigeon"],
    "OTEL_TRACES_SAMPLER": ["sometimes"],
    "OTEL_TRACES_SAMPLER_ARG": ["abc", "-1", "2", "nan"],
    "OTEL_EXPORTER_PROMETHEUS_PORT": ["abc", "-1", "0", "65536", HUGE],
    "OTEL_PYTHON_LOG_FORMAT": ["%(no", "%(message)y"],
    "OTEL_PYTHON_LOG_LEVEL": ["loud"],
    "OTEL_PYTHON_LOG_HANDLER_LEVEL": ["loud"],
    "OTEL_PROPAGATORS": ["carrier-pigeon", "tracecontext,carrier-pigeon", ","],
}
BY_RULE = {
    id(rules.ANY): [],
    id(rules.BOOLEAN): [],
    id(rules.PAIRS): ["team", "=x", "a=b,team"],
    id(rules.HEADERS): [
        SECRET,
        f"key {SECRET}=x",
        f"k={SECRET},{SECRET}",
        f"k={SECRET}%0Ax",
        f"k-bin={SECRET}",
    ],
    id(rules.ENDPOINT): [f"http://user:{SECRET}@host:99999", f"http://user:{SECRET}/1@host", f"http://{SECRET}:0:1"],
    id(rules.PROTOCOL): ["carrier-pigeon", "http/json", "GRPC"],
    id(rules.COMPRESSION): ["zstd", "deflate"],
    id(rules.CERTIFICATES): ["/no/such/file", os.devnull],
    id(rules.PEM): ["/no/such/file", os.devnull],
    id(rules.STATUS_CODES): ["UNAVAILABLE,TIRED"],
}


def unusable(variable: Variable) -> list[str]:
    """Values that must be refused."""
    if variable.name in BY_NAME:
        return BY_NAME[variable.name]
    if id(variable.rule) in BY_RULE:
        return BY_RULE[id(variable.rule)]
    values = variable.rule.values
    if values.startswith("1 to"):
        return [*COUNTS, *([ENDLESS] if "ms" in values else [])]
    if values.startswith("0 to"):
        return ["abc", "-1", "1.5", "none", HUGE]
    if values.startswith("seconds"):
        return ["abc", "-1", "0", "nan", "inf", ENDLESS]
    return ["carrier-pigeon", "a,b"]


CHECKED = (Treatment.HONOURED, Treatment.REFUSED)
REFUSING = [variable for variable in VARIABLES if variable.configure in CHECKED and unusable(variable)]


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    global_providers.unset(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bot.py").write_text("raise SystemExit('the bot must not start')")
    given = {**EVERYTHING, "SLASHSPAN_SPOOL": str(tmp_path / "spool")}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


@pytest.mark.parametrize("variable", REFUSING, ids=lambda variable: variable.name)
def test_it_is_one_line_by_every_way_to_start(
    variable: Variable, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if variable.name == "OTEL_TRACES_SAMPLER_ARG":
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    for value in unusable(variable):
        monkeypatch.setenv(variable.name, value)
        with pytest.raises(ConfigurationError) as caught:
            slashspan.configure()
        line = str(caught.value)
        assert line.startswith(f"{variable.name}="), line
        assert len(line.splitlines()) == 1
        assert SECRET not in line

        done = CliRunner().invoke(cli, ["run", "bot.py"])
        assert (done.exit_code, done.output) == (2, f"slashspan: {line}\n")

        caplog.clear()
        autostart.start()  # as under opentelemetry-instrument
        assert [record.getMessage() for record in caplog.records] == [f"slashspan does not record: {line}"]
        assert all(record.exc_info is None for record in caplog.records)
