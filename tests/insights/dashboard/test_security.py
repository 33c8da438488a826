"""Who sees the page, and what a browser may do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slashspan.insights.dashboard.security import COOKIE, HEADERS, LOOPBACK_NAMES, is_loopback
from tests.support.dashboards import served
from tests.support.rows import sample
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "a-token-of-many-letters"
PATHS = (
    *("/", "/summary", "/choices", "/charts/calls", "/tables/calls", "/tables/calls.csv", "/pictures/calls.png"),
    *("/live", "/static/page.js", "/static/vega.js"),
)


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, sample(3, seed=1))
    return dsn


async def test_every_answer_has_the_headers_also_an_error(dsn: str) -> None:
    async with served(dsn) as client:
        for path in (*PATHS, "/missing", "/charts/calls?since=never"):
            async with client.get(path) as answer:
                for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"):
                    assert answer.headers[name] == HEADERS[name], path
                assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "["])
async def test_the_page_is_not_served_under_a_name_that_it_does_not_have(host: str, dsn: str) -> None:
    async with served(dsn) as client:
        for path in PATHS:
            assert (await client.get(path, headers={"Host": host})).status in (400, 421)


async def test_the_page_is_served_under_loopback_names_and_those_that_are_allowed(dsn: str) -> None:
    async with served(dsn, hosts=(*LOOPBACK_NAMES, "stats.example")) as client:
        for host in ("localhost", "127.0.0.1:8722", "[::1]:8722", "stats.example", "STATS.example:443"):
            assert (await client.get("/", headers={"Host": host})).status == 200, host


async def test_without_the_token_there_is_only_the_login(dsn: str) -> None:
    async with served(dsn, token=TOKEN) as client:
        for path in PATHS:
            answer = await client.get(path, allow_redirects=False)
            assert (answer.status, answer.headers["Location"]) == (303, "/login"), path
        assert "token" in await (await client.get("/login")).text()
        assert (await client.get("/static/page.css")).status == 200
        for wrong in ("", "a", TOKEN[:-1], TOKEN + "x", "ü"):
            answer = await client.post("/login", data={"token": wrong}, allow_redirects=False)
            assert answer.status == 401
            assert COOKIE not in answer.cookies
        client.session.cookie_jar.update_cookies({COOKIE: TOKEN[:-1]})
        assert (await client.get("/", allow_redirects=False)).status == 303


async def test_the_token_opens_the_page_with_a_cookie_that_scripts_cannot_read(dsn: str) -> None:
    async with served(dsn, token=TOKEN) as client:
        answer = await client.post("/login", data={"token": TOKEN}, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = answer.cookies[COOKIE]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        for path in PATHS:
            async with client.get(path, cookies={COOKIE: cookie.value}, allow_redirects=False) as answer:
                assert answer.status == 200, path


async def test_there_is_no_login_without_a_token(dsn: str) -> None:
    async with served(dsn) as client:
        assert (await client.get("/login", allow_redirects=False)).headers["Location"] == "/"


def test_loopback_addresses_are_told_apart_from_others() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.3.2.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.4", "example.org", "")))
