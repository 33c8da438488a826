"""`OTEL_CONFIG_FILE`: what a declarative configuration says is recorded as by `slashspan run`, whatever starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import slashspan
from slashspan.errors import ConfigurationError
from slashspan.settings import PREFIX
from slashspan.telemetry.setup.config_file import ConfigFile
from slashspan.telemetry.setup.pipeline import check
from tests.support import global_providers
from tests.support.otlp_backend import running_backend
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_outcomes, read_rows

INSTRUMENT = str(Path(sys.executable).parent / "opentelemetry-instrument")
CONFIGURE = f"import runpy, slashspan; slashspan.configure(); runpy.run_path({PLAIN!r}, run_name='__main__')"
FILE = """\
file_format: "1.0"
resource:
  attributes:
    - {name: service.name, value: declared}
    - {name: service.version, value: "7"}
tracer_provider:
  sampler: {always_off: {}}
  processors:
    - batch: {schedule_delay: 60000, exporter: {command_calls: {}}}
    - batch: {schedule_delay: 60000, exporter: {otlp_grpc: {endpoint: "http://127.0.0.1:${BACKEND_PORT}"}}}
"""
WITHOUT_COLLECTOR = "\n".join(FILE.splitlines()[:-1])
IGNORED = {"OTEL_TRACES_EXPORTER": "console", "OTEL_SERVICE_NAME": "ignored", "OTEL_BSP_SCHEDULE_DELAY": "never"}
"""The specification: with a file, other variables have no effect."""
SECRET = "hunter2"


def given(folder: Path, content: str = FILE, **environ: str) -> dict[str, str]:
    (folder / "otel.yaml").write_text(content)
    return {"OTEL_CONFIG_FILE": str(folder / "otel.yaml"), **environ}


def dsn(folder: Path) -> str:
    return f"sqlite:///{folder / 'command_calls.db'}"


@pytest.mark.parametrize(
    ("command", "environ"),
    [
        ([*RUN, PLAIN], {}),
        (["-c", CONFIGURE], {}),
        ([INSTRUMENT, sys.executable, PLAIN], {"OTEL_PYTHON_DISTRO": "slashspan"}),
    ],
    ids=["run", "configure", "distro"],
)
async def test_each_way_to_start_records_what_the_file_declares(
    command: list[str], environ: dict[str, str], tmp_path: Path
) -> None:
    with running_backend() as backend:
        always_on = FILE.replace("always_off", "always_on")
        environ = given(tmp_path, always_on, **IGNORED, **environ, BACKEND_PORT=str(backend.port))
        async with bot_process(command, tmp_path, environ) as bot:
            await (await bot.discord.slash("ping")).answered()
            await bot.interrupt()
            await bot.ended()
        spans = backend.wait_for(1)
    assert "slash ping" in {span.name for span in spans}
    assert read_outcomes(dsn(tmp_path)) == [("slash", "ping", "ok")], bot.output
    assert [(row["service_name"], row["service_version"]) for row in read_rows(dsn(tmp_path))] == [("declared", "7")]
    assert "Traceback" not in bot.output


async def test_rows_of_a_killed_bot_are_written_by_the_next_and_never_sampled(tmp_path: Path) -> None:
    environ = given(tmp_path, WITHOUT_COLLECTOR)
    async with bot_process([*RUN, PLAIN], tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await (await bot.discord.slash("hang")).acknowledged()
        await bot.discord.idle()
        bot.kill()
        await bot.ended()
    async with bot_process([*RUN, PLAIN], tmp_path, environ) as bot:
        await bot.interrupt()
        await bot.ended()
    assert sorted(read_outcomes(dsn(tmp_path))) == [("slash", "hang", "interrupted"), ("slash", "ping", "ok")]


async def test_the_exporter_alone_is_built_by_the_loader(tmp_path: Path) -> None:
    environ = given(tmp_path, WITHOUT_COLLECTOR.replace("always_off", "always_on"), OTEL_PYTHON_DISTRO="distro")
    async with bot_process([INSTRUMENT, sys.executable, PLAIN], tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    assert read_outcomes(dsn(tmp_path)) == [("slash", "ping", "ok")], bot.output
    assert "memory of that processor" in bot.output


PROCESSORS = "tracer_provider: {processors: [%s]}"
CALLS = "{batch: {exporter: {command_calls: {}}}}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"", "empty"),
        (b"a: [1\nb: 2", "line 2"),
        (b'file_format: "2.0"', "file_format"),
        (PROCESSORS % "{batch: {}}", "tracer_provider.processors.0.batch: 'exporter' is a required property"),
        (PROCESSORS % "{batch: {exporter: {carrier_pigeon: {}}}}", "Plugin 'carrier_pigeon' not found"),
        (PROCESSORS % "{batch: {exporter: {command_calls: {dsn: x}}}}", "takes no properties"),
        (PROCESSORS % CALLS.replace("exporter", "max_queue_size: 99999999999999999999, exporter"), "2147483647"),
        (PROCESSORS % "{batch: {exporter: {otlp_grpc: {compression: zstd}}}}", "compression value 'zstd'"),
        (PROCESSORS % "{batch: {exporter: {otlp_http: {headers_list: [%s]}}}}" % SECRET, "must have type"),
        (PROCESSORS % "{batch: {exporter: {otlp_http: {endpoint: 'http://u:%s@h:0'}}}}" % SECRET, "a port from 1"),
        ("propagator: {composite: [{carrier_pigeon: {}}]}\n" + PROCESSORS % CALLS, "Plugin 'carrier_pigeon'"),
        (f"resource: {{attributes: [{{name: {SECRET}}}]}}\n" + PROCESSORS % CALLS, "'value' is a required property"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_a_file_that_cannot_be_used_is_one_line_without_its_values(
    content: bytes | str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    global_providers.unset(monkeypatch)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "otel.yaml"
    path.write_bytes(content if isinstance(content, bytes) else f'file_format: "1.0"\n{content}\n'.encode())
    environ = {"OTEL_CONFIG_FILE": str(path)}
    with pytest.raises(ConfigurationError, match=said) as caught:
        check(environ)
    assert str(caught.value).startswith("OTEL_CONFIG_FILE")
    assert len(str(caught.value).splitlines()) == 1
    assert SECRET not in str(caught.value)
    with pytest.raises(ConfigurationError, match=said):
        slashspan.configure(environ=environ)
    assert SECRET not in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "content",
    ["disabled: true\n" + PROCESSORS % CALLS, "meter_provider: {readers: [{periodic: {exporter: {console: {}}}}]}", ""],
)
def test_a_file_without_a_span_processor_is_one_warning(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    global_providers.unset(monkeypatch)
    environ = given(tmp_path, f'file_format: "1.0"\n{content}\n')
    assert check(environ).off
    assert slashspan.configure(environ=environ).counts is None
    assert "nothing is recorded" in caplog.text


def test_bounds_are_the_files_and_our_settings_stay_in_effect(tmp_path: Path) -> None:
    content = """
file_format: "1.0"
tracer_provider:
  processors:
    - simple: {exporter: {console: {}}}
    - batch: {schedule_delay: 0, max_queue_size: 100, max_export_batch_size: 10, exporter: {command_calls: }}
    - batch: {schedule_delay: 70, exporter: {console: }}
"""
    file = ConfigFile.load(given(tmp_path, content))
    assert file is not None
    rows, console = file.batches
    ours = {f"{PREFIX}TABLE": "x", "OTEL_BSP_MAX_QUEUE_SIZE": "5", "OTEL_SERVICE_NAME": "x"}
    assert file.environ(ours) == {
        f"{PREFIX}TABLE": "x",
        "OTEL_TRACES_EXPORTER": "console,command_calls",
        "OTEL_BSP_SCHEDULE_DELAY": "1",
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
    }
    assert file.environ({}, rows) == file.environ({})
    assert file.environ({}, console)["OTEL_BSP_SCHEDULE_DELAY"] == "70"


def test_without_the_extra_the_pip_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.configuration", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'slashspan\[config-file\]'$"):
        ConfigFile.load(given(tmp_path))
