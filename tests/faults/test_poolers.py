"""PgBouncer in transaction mode, where no state may be kept on a connection; and TLS, which it offers.

PostgreSQL's binaries from PyPI are built without TLS, so PgBouncer stands in for a server with TLS.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from slashspan.exporters.stores.errors import StoreUnavailable
from slashspan.exporters.stores.factory import open_store
from tests.support.pgbouncer import BINARY, CONNECTIONS, open_folder, pgbouncer
from tests.support.rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Postgres

WRITERS, BATCHES = 8, 12
pytestmark = pytest.mark.skipif(BINARY is None, reason="PgBouncer is not installed: apt-get install pgbouncer")


def test_eight_writers_share_three_connections_of_a_pooler(server: Postgres, database: str) -> None:
    everything = rows(WRITERS * BATCHES * 60)
    share = len(everything) // WRITERS
    errors: list[BaseException] = []

    def write(mine: list) -> None:  # type: ignore[type-arg]
        store = open_store(server.dsn(database, port=port))
        try:
            for start in range(0, len(mine), share // BATCHES):
                batch = mine[start : start + share // BATCHES]
                store.write(batch, timeout=20)
                store.write(batch[:10], timeout=20)  # a retry: some are new, some are stored already
        except BaseException as error:
            errors.append(error)
        finally:
            store.close(timeout=5)

    owner = open_store(server.dsn(database))
    owner.prepare(timeout=20)
    owner.close(timeout=5)
    with open_folder() as folder, pgbouncer(server, folder) as port:
        threads = [
            threading.Thread(target=write, args=(everything[n * share : (n + 1) * share],)) for n in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        backends = server.execute(
            f"SELECT count(*) AS n FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        )
    assert errors == []
    assert backends[0]["n"] <= CONNECTIONS
    found = server.execute("SELECT span_id FROM command_calls ORDER BY span_id", database)
    assert [row["span_id"] for row in found] == [row.span_id for row in everything]


@pytest.fixture
def tls(server: Postgres, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Port of a server with a certificate for `localhost` only, and the file of the authority that signed it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("localhost")
    with open_folder() as folder:
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        settings = (
            f"client_tls_sslmode = require\nclient_tls_key_file = {folder}/key.pem\n"
            f"client_tls_cert_file = {folder}/cert.pem\n"
        )
        with pgbouncer(server, folder, settings) as port:
            yield port, tmp_path / "ca.pem"


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_sslmode_works_as_in_libpq(mode: str, server: Postgres, database: str, tls: tuple[int, Path]) -> None:
    port, authority = tls
    owner = open_store(server.dsn(database))
    owner.prepare(timeout=20)
    owner.close(timeout=5)
    store = open_store(
        f"postgresql://postgres:geheim@localhost:{port}/{database}?sslmode={mode}&sslrootcert={authority}"
    )
    store.write(rows(100), timeout=20)
    store.close(timeout=5)
    assert server.execute("SELECT count(*) AS n FROM command_calls", database)[0]["n"] == 100


@pytest.mark.parametrize("wrong", ["authority", "host", "no tls"])
def test_a_server_with_the_wrong_certificate_gets_no_row(
    wrong: str, database: str, tls: tuple[int, Path], tmp_path: Path
) -> None:
    port, authority = tls
    if wrong == "authority":
        authority = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(authority)
    host = "127.0.0.1" if wrong == "host" else "localhost"
    mode = "disable" if wrong == "no tls" else "verify-full"
    store = open_store(f"postgresql://postgres:geheim@{host}:{port}/{database}?sslmode={mode}&sslrootcert={authority}")
    with pytest.raises(StoreUnavailable) as caught:
        store.write(rows(1), timeout=20)
    store.close(timeout=5)
    assert {"authority": "certificate", "host": "certificate", "no tls": "SSL required"}[wrong] in str(caught.value)
    assert "geheim" not in str(caught.value)
