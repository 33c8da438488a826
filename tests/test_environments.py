"""The example environments are valid and name only settings that exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from slashspan.settings import SETTINGS, Settings
from tests.support import ROOT

FILES = sorted((ROOT / "environments").glob("*.env"))
OF_THE_SDK = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_RESOURCE_ATTRIBUTES"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_variable_is_known_and_well_formed(file: Path) -> None:
    values = {name: value or "" for name, value in dotenv_values(file).items()}
    assert set(values) <= {setting.name for setting in SETTINGS} | OF_THE_SDK
    assert Settings.from_environ(values).exporters
    assert f"deployment.environment.name={file.stem}" in values["OTEL_RESOURCE_ATTRIBUTES"]
    assert "@" not in values.get("SLASHSPAN_DSN", "").partition("//bot@")[0], "no password in a file"


def test_each_environment_has_its_exporter() -> None:
    exporters = {file.stem: Settings.from_environ(dotenv_values(file)).exporters for file in FILES}  # type: ignore[arg-type]
    assert exporters == {
        "development": ("command_calls", "console"),
        "production": ("otlp",),
        "staging": ("command_calls", "otlp"),
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rows_that_a_collector_makes_of_spans_are_complete(file: Path) -> None:
    values = {name: value or "" for name, value in dotenv_values(file).items()}
    assert Settings.from_environ(values).trace_ratio == 1
    assert "OTEL_TRACES_SAMPLER" not in values
