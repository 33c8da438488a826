"""Reading ClickHouse: errors are sentences without the password, and a query that nobody waits for ends."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from slashspan import insights
from slashspan.errors import ConfigurationError
from slashspan.insights import Filters, ReadError
from slashspan.insights.readers.clickhouse_client import ClickhouseClient
from slashspan.telemetry.cli.main import cli
from tests.support.call_history import generated
from tests.support.clickhouse_rows import store_calls_in
from tests.support.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clickhouse_server import ClickhouseServer, StartClickhouse


def read(dsn: str, table: str = "command_calls") -> None:
    with insights.open_reader(dsn, table=table) as reader:
        reader.run(insights.totals)


@pytest.fixture(scope="module")
def dsn(clickhouse_server: ClickhouseServer) -> str:
    store_calls_in(clickhouse_server, "reading", [call for call in generated(200, seed=5) if call.kind])
    return clickhouse_server.dsn("reading")


def test_a_server_that_is_away_is_named_without_the_password() -> None:
    with pytest.raises(ReadError) as caught:
        read(f"clickhouse://reader:s3cret@127.0.0.1:{free_port()}/slashspan")
    assert "clickhouse://reader:" in str(caught.value)
    assert "refused" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_wrong_password_is_not_shown(dsn: str) -> None:
    with pytest.raises(ReadError, match="Authentication failed") as caught:
        read(dsn.replace("default:@", "default:s3cret@"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("database", ["reading", "nowhere"])
def test_a_missing_table_or_database_says_what_to_run(
    database: str, dsn: str, clickhouse_server: ClickhouseServer
) -> None:
    with pytest.raises(ReadError, match="slashspan migrate") as caught:
        read(clickhouse_server.dsn(database), table="elsewhere")
    assert "SELECT" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_without_the_extra_its_pip_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    with pytest.raises(ConfigurationError, match=r"slashspan\[clickhouse\]"):
        insights.open_reader("clickhouse://localhost/slashspan")


async def test_nothing_can_be_written_by_a_reader(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "slashspan.insights.readers.clickhouse.statement", lambda *_: ("TRUNCATE TABLE command_calls_rows", [], {})
    )
    async with insights.connect(dsn) as reader:
        with pytest.raises(ReadError, match="readonly"):
            await reader.query("totals", Filters())


async def test_whoever_cancels_a_query_does_not_wait_and_can_ask_again(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[object] = []
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    select, execute = ClickhouseClient.select, ClickhouseClient.execute

    def selecting(self: ClickhouseClient, sql: str, *arguments: object, **settings: object) -> object:
        loop.call_soon_threadsafe(begun.set)
        return select(self, sql, *arguments, **settings)  # type: ignore[arg-type]

    def executing(self: ClickhouseClient, sql: str, **values: object) -> None:
        killed.append(values["id"])
        execute(self, sql, **values)

    monkeypatch.setattr(ClickhouseClient, "select", selecting)
    monkeypatch.setattr(ClickhouseClient, "execute", executing)
    with monkeypatch.context() as slow:
        sql = "SELECT sum(sleepEachRow(1)) FROM numbers(3)"
        slow.setattr("slashspan.insights.readers.clickhouse.statement", lambda *_: (sql, [], {}))
        async with insights.connect(dsn) as reader:
            asking = asyncio.create_task(reader.query("rows", Filters()))
            await begun.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            slow.undo()
            assert (await insights.totals(reader)).rows[0].calls > 0
    assert len(killed) == 1


def test_queries_of_several_readers_do_not_wait_for_each_other(dsn: str) -> None:
    async def ask() -> list[int]:
        async def one() -> int:
            async with insights.connect(dsn) as reader:
                return (await insights.totals(reader)).rows[0].calls

        return await asyncio.gather(*(one() for _ in range(5)))

    assert len(set(asyncio.run(ask()))) == 1


def test_the_commands_that_read_work_there(dsn: str, tmp_path: Path) -> None:
    report, chart = tmp_path / "report.html", tmp_path / "calls.svg"
    for arguments in (
        ["stats", "--since", "all"],
        ["stats", "commands", "--since", "all", "--json"],
        ["rollup", "build"],
        ["rollup", "verify"],
        ["stats", "--since", "all"],
        ["report", str(report), "--since", "all"],
        ["chart", "calls", str(chart), "--since", "all"],
    ):
        found = CliRunner().invoke(cli, [*arguments, "--dsn", dsn])
        assert found.exit_code == 0, (arguments, found.output)
    assert "play" in report.read_text("utf-8")
    assert chart.exists()


def test_forget_and_prune_reach_the_sums(clickhouse_server: ClickhouseServer) -> None:
    calls = [call for call in generated(200, seed=6) if call.kind]
    store_calls_in(clickhouse_server, "forgotten", calls)
    dsn = clickhouse_server.dsn("forgotten")

    def ids() -> set[object]:
        return {row["id"] for row in clickhouse_server.query("SELECT id FROM forgotten.command_calls_sum_ids")}

    for arguments in (["rollup", "build"], ["forget", "3", "--yes"]):
        assert CliRunner().invoke(cli, [*arguments, "--dsn", dsn]).exit_code == 0
    assert 3 not in ids()
    assert 5 in ids()
    assert CliRunner().invoke(cli, ["prune", "--older-than", "1d", "--yes", "--dsn", dsn]).exit_code == 0
    assert not ids()
    assert CliRunner().invoke(cli, ["rollup", "verify", "--dsn", dsn]).exit_code == 0


def test_a_user_that_may_only_read_gets_reports_and_sums(tmp_path: Path, start_clickhouse: StartClickhouse) -> None:
    with start_clickhouse(tmp_path) as server:
        store_calls_in(server, "slashspan", [call for call in generated(50, seed=5) if call.kind])
        assert CliRunner().invoke(cli, ["rollup", "build", "--dsn", server.dsn()]).exit_code == 0
    with start_clickhouse(tmp_path, profile={"readonly": "2"}) as server:
        read(server.dsn())
        refused = CliRunner().invoke(cli, ["rollup", "rebuild", "--dsn", server.dsn()])
        assert refused.exit_code == 1
        assert "readonly" in refused.output
