"""`slashspan init`: files that the programs which read them accept, and that never replace anybody's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from slashspan.settings import Settings
from slashspan.telemetry.cli import cli
from slashspan.telemetry.cli.run import load_env_file
from tests.support import ROOT
from tests.support.collector import BINARY, needs_collector
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_rows

FILES = {"slashspan.env", "compose.yaml", "collector-config.yaml", "collector-gateway.yaml", "bot.service"}
AWKWARD = 'a "new" bot 100% $HOME.py'
"""Quotes, spaces and what systemd, Compose and shells expand; no file name on Windows."""


def init(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["init", str(folder), *arguments])


def compose(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((folder / "compose.yaml").read_text("utf-8"))
    return read


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_the_files_are_written_and_the_next_steps_are_printed(tmp_path: Path) -> None:
    done = init(tmp_path / "new" / "folder")
    assert done.exit_code == 0, done.output
    assert names(tmp_path / "new" / "folder") == FILES
    for word in (
        "bot.py is not there yet",
        "slashspan run --env-file slashspan.env bot.py",
        "docker compose",
        "systemctl",
    ):
        assert word in done.output
    assert not [text for text in contents(tmp_path / "new" / "folder") if "{{" in text or "\r" in text]


def contents(folder: Path) -> list[str]:
    return [file.read_bytes().decode("utf-8") for file in folder.iterdir()]


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    (tmp_path / "bot.py").touch()
    (tmp_path / "compose.yaml").write_text("mine", "utf-8")
    (tmp_path / "bot.service").symlink_to(tmp_path / "nowhere")
    done = init(tmp_path)
    assert done.exit_code == 1
    assert "compose.yaml, bot.service" in done.output
    assert "--force" in done.output
    assert names(tmp_path) == {"bot.py", "compose.yaml", "bot.service"}
    assert (tmp_path / "compose.yaml").read_text("utf-8") == "mine"

    done = init(tmp_path, "--force")
    assert done.exit_code == 0, done.output
    assert names(tmp_path) == {"bot.py", *FILES}
    assert "services" in compose(tmp_path)
    assert not (tmp_path / "nowhere").exists()
    assert "not there yet" not in done.output


def test_all_files_are_written_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bot.service").mkdir()
    done = init(tmp_path, "--force")
    assert (done.exit_code, names(tmp_path)) == (1, {"bot.service"})
    assert "bot.service is a folder" in done.output
    (tmp_path / "bot.service").rmdir()

    write = Path.write_bytes

    def full(file: Path, data: bytes) -> int:
        if "collector" in file.name:
            raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    done = init(tmp_path)
    assert (done.exit_code, names(tmp_path)) == (1, set())
    assert "No space left on device" in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--service-name", "my bot"],
        ["--service-name", "a/b"],
        ["--bot", "/srv/bot.py"],
        ["--bot", "a\nb.py"],
        ["--store", "x"],
    ],
)
def test_values_that_do_not_fit_into_the_files_are_refused(arguments: list[str], tmp_path: Path) -> None:
    assert init(tmp_path, *arguments).exit_code == 2
    assert names(tmp_path) == set()


def test_they_contain_no_secret_and_require_the_one_that_is_needed(tmp_path: Path) -> None:
    init(tmp_path)
    services = compose(tmp_path)["services"]
    assert services["bot"]["environment"]["PGPASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    settings: dict[str, str] = {}
    load_env_file(tmp_path / "slashspan.env", settings)
    assert not [name for name in settings if "KEY" in name or "TOKEN" in name or "PASSWORD" in name]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_the_env_file_has_valid_settings_also_those_that_are_commented_out(store: str, tmp_path: Path) -> None:
    init(tmp_path, "--store", store, "--service-name", "ladder")
    file = tmp_path / "slashspan.env"
    values: dict[str, str] = {}
    load_env_file(file, values)
    assert values["OTEL_SERVICE_NAME"] == "ladder"
    settings = Settings.from_environ(values)
    assert settings.dsn.is_sqlite == (store == "sqlite")
    assert settings.exporters == ("command_calls",)
    commented_out = re.findall(r"^# ([A-Z_]+=\S+)$", file.read_text("utf-8"), re.MULTILINE)
    assert len(commented_out) > 3
    file.write_text("\n".join(commented_out), "utf-8")
    values = {}
    load_env_file(file, values)
    assert Settings.from_environ(values).exporters == ("command_calls", "otlp")
    assert Settings.from_environ(values).user_names == "drop"


async def test_slashspan_run_takes_the_env_file(tmp_path: Path) -> None:
    init(tmp_path)
    shutil.copy(PLAIN, tmp_path / "bot.py")
    async with bot_process([*RUN, "--env-file", "slashspan.env", "bot.py"], tmp_path) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0
    (row,) = read_rows(f"sqlite:///{tmp_path / 'command_calls.db'}")
    assert (row["command"], row["service_name"], row["environment"]) == ("ping", "bot", "production")


@needs_collector
def test_the_collector_accepts_its_configuration_as_compose_starts_it(tmp_path: Path) -> None:
    init(tmp_path)
    assert (tmp_path / "collector-config.yaml").read_bytes() == (ROOT / "collector-config.yaml").read_bytes()
    service = compose(tmp_path)["services"]["collector"]
    given: dict[str, str | None] = service["environment"] | {"ANALYTICS_ENDPOINT": "backend.example:4317"}
    environ = {name: value for name, value in given.items() if value is not None}
    environ = {**os.environ, **environ, "COLLECTOR_STORAGE": str(tmp_path / "storage")}
    command = [BINARY, "validate", *service["command"][:-1], tmp_path / "collector-config.yaml"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert set(given) <= set(variables(tmp_path / "collector-config.yaml"))


def variables(file: Path) -> list[str]:
    return [part.split("}")[0].split(":-")[0] for part in file.read_text("utf-8").split("${env:")[1:]]


def test_the_compose_file_starts_the_bot_its_database_and_on_request_a_collector(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    init(tmp_path, "--bot", AWKWARD)
    read = compose(tmp_path)
    services = read["services"]
    assert set(services) == {"bot", "postgres", "collector"}
    assert [name for name, service in services.items() if "profiles" in service] == ["collector"]
    assert services["bot"]["command"] == ["slashspan", "run", AWKWARD.replace("$", "$$")]
    assert "requirements.txt" in services["bot"]["build"]["dockerfile_inline"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    assert {name for name in mounted if not name.startswith(".")} == set(read["volumes"])
    environment = services["bot"]["environment"]
    assert Settings.from_environ(environment).dsn.text == "postgresql://slashspan@postgres:5432/slashspan"
    assert environment["SLASHSPAN_SPOOL"].startswith("/var/lib/slashspan/")


def docker_compose() -> bool:
    found = shutil.which("docker")
    return found is not None and subprocess.run([found, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not docker_compose(), reason="docker compose is not installed")
def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    init(tmp_path)
    command = ["docker", "compose", "--profile", "collector", "config"]
    environ = {name: value for name, value in os.environ.items() if name != "POSTGRES_PASSWORD"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "write POSTGRES_PASSWORD=... into .env" in done.stderr
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=geheim\nDISCORD_TOKEN=token\n", "utf-8")
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    environment = services["bot"]["environment"]
    assert environment["DISCORD_TOKEN"] == "token"
    assert (environment["PGPASSWORD"], environment["OTEL_SERVICE_NAME"]) == ("geheim", "bot")
    assert environment["SLASHSPAN_DSN"].startswith("postgresql://"), "wins over the env file"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("bot", ["bot.py", AWKWARD])
def test_systemd_accepts_the_unit(bot: str, tmp_path: Path) -> None:
    folder = tmp_path / "a bot's folder, 100%"
    init(folder, "--bot", bot, "--service-name", "ladder")
    (unit,) = folder.glob("*.service")
    assert unit.name == "ladder.service"
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "ladder" in line]) == (0, [])
