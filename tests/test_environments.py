"""The example environments are valid, and one bot, unchanged, sends what it records where each of them says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import trustme
from discord_standin import User
from dotenv import dotenv_values

from slashspan import semconv
from slashspan.settings import SETTINGS, Settings
from tests.support import ROOT
from tests.support.otlp_backend import Backend, running_backend
from tests.support.otlp_bots import attributes, interactions
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_rows
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Postgres

ENVIRONMENTS = ROOT / "environments"
FILES = sorted(ENVIRONMENTS.glob("*.env"))
OF_THE_SDK = {
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_METRICS_EXPORTER",
    "OTEL_RESOURCE_ATTRIBUTES",
}
KEY = {"SLASHSPAN_USER_ID_KEY": "a secret"}
TOKEN = "authorization=Bearer%20a-token"
NELLY = User(80351110224678912, "nelly")
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


def values(name: str) -> dict[str, str]:
    return {key: value or "" for key, value in dotenv_values(ENVIRONMENTS / f"{name}.env").items()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_variable_is_known_and_well_formed(file: Path) -> None:
    given = values(file.stem)
    assert set(given) <= {setting.name for setting in SETTINGS} | OF_THE_SDK
    assert Settings.from_environ(given | KEY).exporters
    environment = "production" if file.stem == "fleet" else file.stem
    assert f"deployment.environment.name={environment}" in given["OTEL_RESOURCE_ATTRIBUTES"]
    assert "@" not in given.get("SLASHSPAN_DSN", "").partition("//bot@")[0], "no password in a file"
    assert not {"SLASHSPAN_USER_ID_KEY", "OTEL_EXPORTER_OTLP_HEADERS"} & set(given), "no secret in a file"


def test_each_environment_has_its_exporter() -> None:
    assert {file.stem: Settings.from_environ(values(file.stem) | KEY).exporters for file in FILES} == {
        "development": ("command_calls", "console"),
        "staging": ("command_calls", "otlp"),
        "production": ("otlp",),
        "fleet": ("otlp",),
    }


async def play(environment: str, tmp_path: Path, outside: dict[str, str]) -> tuple[list[str], str]:
    """Have the plain bot answer three times; the ids of the interactions, and what it printed."""
    command = [*RUN, "--env-file", str(ENVIRONMENTS / f"{environment}.env"), PLAIN]
    async with bot_process(command, tmp_path, outside) as bot:
        actions = [await bot.discord.slash("ping", user=NELLY) for _ in range(3)]
        for action in actions:
            await action.answered()
        await bot.interrupt()
        assert await bot.ended() == 0
    return sorted(str(action.id) for action in actions), bot.output


def users(backend: Backend) -> Counter[str]:
    found = (attributes(span) for span in backend.spans if interactions([span]))
    return Counter(span[semconv.USER_ID] for span in found)


def unnamed(backend: Backend) -> bool:
    return not any(semconv.USER_NAME in attributes(span) for span in backend.spans)


async def test_in_development_rows_are_in_a_file_and_spans_on_the_console(tmp_path: Path) -> None:
    sent, output = await play("development", tmp_path, {})
    rows = read_rows(f"sqlite:///{tmp_path / 'command_calls.db'}")
    assert sorted(str(row["interaction_id"]) for row in rows) == sent
    assert {row["environment"] for row in rows} == {"development"}
    assert [interaction in output for interaction in sent] == [True] * 3
    printed: Any = json.JSONDecoder().raw_decode(output[output.index("{") :])[0]
    assert printed["resource"]["attributes"]["deployment.environment.name"] == "development"


async def test_in_staging_rows_are_in_a_database_and_traces_with_ids_go_to_the_collector(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    with running_backend() as collector:
        outside = {
            "SLASHSPAN_DSN": server.dsn(database),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        }
        sent, _ = await play("staging", tmp_path, outside | SOON)
        collector.wait_for(6)
    rows = server.execute("SELECT * FROM command_calls", database)
    assert sorted(str(row["interaction_id"]) for row in rows) == sorted(interactions(collector.spans)) == sent
    assert {row["environment"] for row in rows} == {"staging"}
    assert users(collector) == Counter(str(row["discord_uid"]) for row in rows) == {str(NELLY.id): 3}
    assert {row["player_name"] for row in rows} == {""}
    assert unnamed(collector)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[Backend, Path]]:
    """A backend with TLS, and the file of the authority that signed its certificate."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    pair = issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes()
    with running_backend(grpc.ssl_server_credentials([pair])) as backend:
        yield backend, tmp_path / "ca.pem"


async def test_in_production_and_in_a_fleet_everything_goes_to_a_collector_under_the_same_pseudonyms(
    gateway: tuple[Backend, Path], tmp_path: Path
) -> None:
    fleet, ca = gateway
    folders = tmp_path / "production", tmp_path / "fleet"
    for folder in folders:
        folder.mkdir()
    with running_backend() as production:
        outside = KEY | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{production.port}"}
        sent, _ = await play("production", folders[0], outside)
        outside = KEY | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://localhost:{fleet.port}",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(ca),
            "OTEL_EXPORTER_OTLP_HEADERS": TOKEN,
        }
        sent_by_fleet, _ = await play("fleet", folders[1], outside)
        for backend, interactions_sent in ((production, sent), (fleet, sent_by_fleet)):
            backend.wait_for(6)
            assert sorted(interactions(backend.spans)) == interactions_sent
            assert unnamed(backend)
            until(lambda: bool(backend.metrics.by_name["discord.interaction.duration"]), 60)  # noqa: B023
    assert fleet.authorizations == {"Bearer a-token"}
    assert users(production) == users(fleet), "two hosts have the same pseudonym for a user"
    assert set(users(production)) != {str(NELLY.id)}
    assert not any(file.suffix == ".db" for folder in folders for file in folder.rglob("*"))


@pytest.mark.parametrize("environment", ["production", "fleet"])
def test_without_the_key_of_the_pseudonyms_the_bot_is_refused_in_one_line(environment: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *RUN, "--env-file", ENVIRONMENTS / f"{environment}.env", PLAIN],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode != 0
    assert done.stderr == "slashspan: SLASHSPAN_USER_IDS=hash needs a secret in SLASHSPAN_USER_ID_KEY\n"
