"""An invalid setting raises one error that names the setting, its value and the choices."""

from __future__ import annotations

import pytest

from slashspan.errors import ConfigurationError
from slashspan.semconv import Kind
from slashspan.settings import SETTINGS, Settings


def test_defaults_need_no_environment() -> None:
    settings = Settings.from_environ({})
    assert settings.exporters == ("command_calls",)
    assert settings.dsn.text == "sqlite:///command_calls.db"
    assert (settings.schedule_delay_ms, settings.batch_rows, settings.queue_rows) == (1000, 512, 2048)
    assert settings.kinds == set(Kind.ALL) - {Kind.AUTOCOMPLETE}
    assert settings.user_ids == "keep"
    assert settings.user_names == "keep"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environ({"SLASHSPAN_DSN": " ", "OTEL_BSP_SCHEDULE_DELAY": ""}) == Settings.from_environ({})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("OTEL_BSP_SCHEDULE_DELAY", "soon", "whole number from 1 to 2147483647"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "whole number from 1 to 2147483647"),
        ("SLASHSPAN_TRACE_RATIO", "1.5", "from 0 to 1"),
        ("SLASHSPAN_TRACE_RATIO", "nan", "from 0 to 1"),
        ("SLASHSPAN_SLOW_CHECKPOINT_MS", "-1", "at least 0"),
        ("SLASHSPAN_USER_IDS", "encrypt", "keep, hash, drop"),
        ("SLASHSPAN_KINDS", "slash,buttons", "component"),
        ("OTEL_TRACES_EXPORTER", "none,otlp", "cannot be combined"),
    ],
)
def test_an_invalid_value_is_named_with_the_choices(name: str, value: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({name: value})
    assert name in str(caught.value)
    assert value in str(caught.value)
    assert reason in str(caught.value)


def test_hashing_without_a_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="SLASHSPAN_USER_ID_KEY"):
        Settings.from_environ({"SLASHSPAN_USER_IDS": "hash"})


def test_a_batch_larger_than_the_queue_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"OTEL_BSP_MAX_EXPORT_BATCH_SIZE=512 .* OTEL_BSP_MAX_QUEUE_SIZE=100"):
        Settings.from_environ({"OTEL_BSP_MAX_QUEUE_SIZE": "100"})


@pytest.mark.parametrize("environ", [{"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true"}])
def test_everything_can_be_turned_off(environ: dict[str, str]) -> None:
    assert Settings.from_environ(environ).exporters == ()


def test_a_list_of_exporters_keeps_its_order_without_duplicates() -> None:
    environ = {"OTEL_TRACES_EXPORTER": " command_calls , otlp,command_calls"}
    assert Settings.from_environ(environ).exporters == ("command_calls", "otlp")


def test_every_setting_has_a_description() -> None:
    assert all(setting.meaning for setting in SETTINGS)
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
