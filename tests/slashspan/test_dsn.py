"""A DSN is parsed as by its driver, and shown without secrets, whatever characters it contains."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from asyncpg.connect_utils import _parse_connect_dsn_and_args  # the driver's own parser, for comparison
from hypothesis import example, given
from hypothesis import strategies as st

from slashspan.dsn import CHOICES, Dsn, mask_dsn
from slashspan.errors import ConfigurationError
from slashspan.masking import mask_url
from slashspan.settings import Settings

SECRET = "hunter"
"""Starts each part of a password, so that any part that is shown is found."""
PIECES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), min_size=1, max_size=4)
PASSWORDS = PIECES.map(lambda pieces: "".join(SECRET + piece for piece in pieces))
AWKWARD = "/?#@:[]&=%+ \\'\"\n;,|é"


def everything_shown(text: str) -> str:
    shown = [mask_dsn(text), mask_url(text)]
    try:
        dsn = Dsn.parse(text)
    except ConfigurationError as error:
        shown += ["".join(traceback.format_exception(error))]
    else:
        shown += [str(dsn), repr(dsn), dsn.masked, dsn.identity, f"{dsn}", f"{dsn!r}"]
        environ = {"SLASHSPAN_DSN": text, "SLASHSPAN_USER_ID_KEY": SECRET}
        shown.append(repr(Settings.from_environ(environ)))
        password = dsn.password or ""
        shown.append(dsn.redact(f'no entry for "{password}" of {quote(password)} {quote(password, safe="")}'))
    return "\n".join(shown)


@given(PASSWORDS)
@example("".join(f"{SECRET}{char}" for char in AWKWARD))
@example(f"{SECRET}/{SECRET}")
@example(f"{SECRET}?{SECRET}=x&{SECRET}@{SECRET}")
def test_a_password_as_users_write_it_is_never_shown(password: str) -> None:
    for text in (
        f"postgresql://bot:{password}@db.example.org:5432/bot?sslmode=require",
        f"postgres://bot:{password}@127.0.0.1/bot",
        f"postgresql://:{password}@[::1]:5432/bot",
        f"postgresql://bot:{quote(password, safe='')}@a,b:5433/bot",
        f"postgresql://db.example.org/bot?user=bot&password={password}",
        f"postgresql://db.example.org/bot?sslmode=require&password={password}&sslmode=disable",
        f"postgresql:///bot?sslpassword={quote(password)}",
        f"clickhouse://bot:{password}@db.example.org:8443/bot?secure=true",
        f"clickhouse://bot:{quote(password, safe='')}@db/bot",
        f"clickhouse://db/bot?password={password}",
        f"mysql://bot:{password}@host/bot",
        f"bot:{password}@host/bot",
        f"postgresql:/bot:{password}@host/bot",
        f'"postgresql://bot:{password}@host/bot"',
        f"host=db user=bot password={password}",
        f"sqlite://bot:{password}@host/bot",
        f"sqlite:///calls.db?key={password}",
    ):
        assert SECRET not in everything_shown(text), text


@given(PASSWORDS)
def test_a_key_in_the_url_of_a_collector_is_never_shown(key: str) -> None:
    for text in (
        f"https://user:{key}@collector:4318/v1/traces",
        f"https://{key}@collector:4318",
        f"https://collector/v1/traces?key={key}",
        f"https://collector/v1/traces?a=b&api-token={key}#x",
        f"collector:4317?key={key}",
        f"user:{key}@collector:4317",
        f"https://collector/ingest/{key}/v1/traces",
        f"https://collector/{key}",
    ):
        assert SECRET not in mask_url(text), text


@pytest.mark.parametrize("char", AWKWARD)
def test_an_encoded_password_reaches_the_driver_as_it_is(char: str) -> None:
    password = f"a{char}b{char}"
    dsn = Dsn.parse(f"postgresql://bot:{quote(password, safe='')}@host/bot")
    assert dsn.connect_arguments()["password"] == password


@pytest.mark.parametrize("char", "/?#@")
def test_an_unencoded_character_that_ends_the_password_is_refused_with_what_to_write(char: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Dsn.parse(f"postgresql://bot:se{char}cret@host:5432/bot")
    said = str(caught.value)
    assert "SLASHSPAN_DSN='postgresql://…'" in said
    assert f"{char} as {quote(char, safe='')}" in said
    assert CHOICES in said


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://bot:a%2Fb%40c@db.example.org:6543/calls?sslmode=disable",
        "postgres://bot@localhost/calls",
        "postgresql://bot:x:y@host/calls",
        "postgresql://one:5433,two,[::1]:5434/calls",
        "postgresql://%2Fvar%2Frun%2Fpg/calls",
        "postgresql:///calls?host=/var/run/pg&port=5433&user=bot",
        "postgresql://host/calls?user=bot&password=a%26b&application_name=my+bot",
        "postgresql://?host=one,two&port=1,2&dbname=calls&user=bot",
        "postgresql://bot@host:1/first?dbname=second&user=other",
    ],
)
def test_a_dsn_has_the_meaning_that_it_has_to_asyncpg(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    names = ("host", "port", "user", "password", "passfile", "database", "ssl", "service", "servicefile", "direct_tls")
    more = ("server_settings", "target_session_attrs", "krbsrvname", "gsslib")

    def parsed(**arguments: Any) -> tuple[Any, ...]:
        every = dict.fromkeys(("dsn", *names, *more)) | arguments
        addresses, parameters = _parse_connect_dsn_and_args(**every)
        return addresses, (parameters.user, parameters.password, parameters.database, parameters.server_settings)

    assert parsed(**Dsn.parse(text).connect_arguments()) == parsed(dsn=text)


@pytest.mark.parametrize("port", ["99999", "0", "abc", "-1", "54 32", "5432x", "123456789012345678901"])
def test_a_bad_port_is_named(port: str) -> None:
    for text in (f"postgresql://bot@host:{port}/d", f"postgresql://host/d?port={port}"):
        with pytest.raises(ConfigurationError, match="the port must be a number from 1 to 65535"):
            Dsn.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "calls.db", "mysql://u@h/d", "sqlite:", "sqlite://calls.db", "sqlite:///", "sqlite:///:memory:"),
        *("sqlite:///a%00b", "postgresql:d", "postgresql://h/d?sslmode", "postgresql://h/d%00", "'sqlite:///calls.db'"),
        *("postgresql://a,b/d?port=1,2,3", "postgresql://[::1/d"),
    ],
)
def test_an_invalid_dsn_is_refused_with_the_name_of_the_setting(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^SLASHSPAN_DSN="):
        Dsn.parse(text)


def test_a_file_is_found_by_its_decoded_path() -> None:
    assert Dsn.parse("sqlite:///calls.db").path == Path("calls.db")
    assert Dsn.parse("SQLite:////var/lib/my%20bot/a@b.db?mode=rw").path == Path("/var/lib/my bot/a@b.db")
    assert Dsn.parse("sqlite:////home/me@corp/calls.db").masked == "sqlite:////home/me@corp/calls.db"
    assert Dsn.parse("sqlite:///a%20b.db").identity == Dsn.parse(f"sqlite:///{Path.cwd()}/a b.db").identity


def test_a_database_keeps_its_identity_when_user_password_or_options_change() -> None:
    one = Dsn.parse("postgresql://bot:secret@DB.example.org/calls?sslmode=require")
    assert one.identity == "postgresql://db.example.org:5432/calls"
    for same in (
        "postgres://other@db.example.org:5432/calls",
        "postgresql:///calls?host=db.example.org&user=x&password=y",
        "postgresql://db.example.org?dbname=calls",
    ):
        assert Dsn.parse(same).identity == one.identity
    for other in (
        "postgresql://db.example.org:5433/calls",
        "postgresql://db.example.org/calls2",
        "postgresql:///calls?host=/var/run/a",
        "postgresql:///calls?host=/var/run/b",
        "postgresql://db.example.org/calls?port=5433",
        "postgresql://db.example.org,two/calls",
    ):
        assert Dsn.parse(other).identity not in (one.identity, Dsn.parse("postgresql:///calls").identity)


def test_everything_but_secrets_is_shown() -> None:
    text = "postgresql://bot:secret@db.example.org:5432/bot?sslmode=require&sslrootcert=/etc/ca.pem"
    assert mask_dsn(text) == text.replace("secret", "…")
    assert mask_url("https://collector.example.org:4318/v1/traces") == "https://collector.example.org:4318/v1/traces"
    assert mask_url("https://collector.example.org/otlp/4711/v1/logs") == "https://collector.example.org/otlp/…/v1/logs"
    for text in ("db:5432", "db", "localhost:4711", "db.example.org:65535,10.0.0.1:1", "[::1]:7", "%2Frun%2Fdb:6000"):
        assert mask_dsn(f"postgresql://{text}/bot") == f"postgresql://{text}/bot"


@pytest.mark.parametrize("number", ["4711", "123456", "99999999999"])
def test_a_password_of_digits_without_a_host_is_not_shown_as_a_port(number: str) -> None:
    for text in (f"postgresql://bot:{number}/ladder", f"postgres://bot:{number}", f"postgresql://bot:{number},b/x"):
        assert number not in mask_dsn(text)


def test_parsing_twice_changes_nothing() -> None:
    dsn = Dsn.parse("sqlite:///calls.db")
    assert Dsn.parse(dsn) is dsn
