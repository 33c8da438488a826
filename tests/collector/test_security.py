"""Token and TLS, of the collector and of the backend behind it: who has them is let in, and nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import pytest
import trustme
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from tests.support.collector import CONFIG, GATEWAY, collector, needs_collector, running_collector, sending_to
from tests.support.otlp_backend import running_backend
from tests.support.otlp_bots import interactions, otlp_environ, play
from tests.support.otlp_http_backend import running_http_backend
from tests.support.prometheus import samples
from tests.support.spans import spans
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace.export import SpanExporter

    from tests.support.collector import Collector

pytestmark = needs_collector
COUNT = "discord_interaction_duration_seconds_count"
TOKEN = "a-secret-0123456789"
TOKEN_WANTED = {"OTLP_AUTH": "true", "OTLP_TOKEN": TOKEN}
ACCEPTED, REFUSED = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
PROTOCOLS = ("grpc", "http/protobuf")


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """`requests` prefers these to the certificate that it is told to use."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """Files of a certificate for `localhost`, and of the authority that signed it."""

    ca: Path
    certificate: Path
    key: Path
    for_grpc: grpc.ServerCredentials


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    signing = trustme.CA()
    issued = signing.issue_cert("localhost")
    found = tmp_path / "ca.pem", tmp_path / "cert.pem", tmp_path / "key.pem"
    signing.cert_pem.write_to_path(found[0])
    issued.cert_chain_pems[0].write_to_path(found[1])
    issued.private_key_pem.write_to_path(found[2])
    return Authority(*found, grpc.ssl_server_credentials([(found[2].read_bytes(), found[1].read_bytes())]))


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """The file of an authority that has signed nothing."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "stranger.pem")
    return tmp_path / "stranger.pem"


def with_tls(authority: Authority) -> dict[str, str]:
    return {"OTLP_TLS": "true", "OTLP_CERT_FILE": str(authority.certificate), "OTLP_KEY_FILE": str(authority.key)}


def endpoint(receiver: Collector, protocol: str, scheme: str = "http") -> str:
    return f"{scheme}://localhost:{receiver.grpc_port if protocol == 'grpc' else receiver.http_port}"


def answer(
    receiver: Collector, protocol: str, headers: dict[str, str] | None = None, ca: Path | None = None
) -> SpanExportResult:
    """What an exporter is told that sends one span, with TLS if it knows an authority."""
    url = endpoint(receiver, protocol, "https" if ca else "http")
    exporter: SpanExporter
    if protocol == "grpc":
        credentials = grpc.ssl_channel_credentials(ca.read_bytes()) if ca else None
        exporter = GrpcExporter(url, insecure=ca is None, credentials=credentials, headers=headers, timeout=2)
    else:
        exporter = HttpExporter(
            f"{url}/v1/traces", headers=headers, certificate_file=str(ca) if ca else None, timeout=2
        )
    try:
        return exporter.export(spans(1))
    finally:
        exporter.shutdown()


def test_only_who_has_the_token_can_send(tmp_path: Path) -> None:
    with collector(tmp_path, TOKEN_WANTED) as (receiver, backend):
        for number, protocol in enumerate(PROTOCOLS, start=1):
            assert answer(receiver, protocol) is REFUSED
            assert answer(receiver, protocol, {"authorization": "Bearer another"}) is REFUSED
            assert answer(receiver, protocol, {"authorization": TOKEN}) is REFUSED
            assert answer(receiver, protocol, {"authorization": f"Bearer {TOKEN}"}) is ACCEPTED
            backend.wait_for(number)
            assert len(backend.spans) == number
    assert TOKEN not in receiver.log


@pytest.mark.parametrize("token", [None, "", " "])
def test_without_a_token_of_its_own_it_lets_nobody_in(token: str | None, tmp_path: Path) -> None:
    environ = {"OTLP_AUTH": "true"} | ({} if token is None else {"OTLP_TOKEN": token})
    with collector(tmp_path, environ) as (receiver, _):
        for protocol in PROTOCOLS:
            for header in ("Bearer", "Bearer ", "Bearer None", ""):
                assert answer(receiver, protocol, {"authorization": header}) is REFUSED, (protocol, header)


def test_with_tls_it_can_be_told_from_others_and_nothing_is_sent_in_the_clear(
    authority: Authority, stranger: Path, tmp_path: Path
) -> None:
    with collector(tmp_path, with_tls(authority)) as (receiver, backend):
        for number, protocol in enumerate(PROTOCOLS, start=1):
            assert answer(receiver, protocol) is REFUSED
            assert answer(receiver, protocol, ca=stranger) is REFUSED
            assert answer(receiver, protocol, ca=authority.ca) is ACCEPTED
            backend.wait_for(number)
            assert len(backend.spans) == number


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_bot_sends_to_a_gateway_with_tls_and_a_token(
    protocol: str, authority: Authority, stranger: Path, tmp_path: Path
) -> None:
    with running_backend() as rows, running_backend() as traces:
        environ = sending_to(rows) | with_tls(authority)
        environ |= {"ANALYTICS_EXPORTER": "otlp_grpc", "OTLP_TOKEN": TOKEN}
        environ |= {"TRACE_STORE_ENDPOINT": f"127.0.0.1:{traces.port}", "TRACE_STORE_INSECURE": "true"}
        with running_collector(tmp_path, environ, GATEWAY) as receiver:
            settings = otlp_environ(endpoint(receiver, protocol, "https"), protocol)
            settings["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(authority.ca)
            settings["REQUESTS_CA_BUNDLE"] = str(stranger)  # by default it would replace the certificate
            settings["OTEL_METRICS_EXPORTER"] = "otlp"
            settings["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer%20{TOKEN}"
            sent = await play(tmp_path, settings)
            rows.wait_for(3)
            assert sorted(interactions(rows.spans)) == sorted(sent)
            until(lambda: any(name == COUNT for name, _, _ in samples(receiver.bot_metrics_port)), 60)


async def test_what_a_bot_with_a_wrong_token_recorded_is_sent_once_the_token_is_right(tmp_path: Path) -> None:
    with collector(tmp_path, TOKEN_WANTED) as (receiver, backend):
        settings = otlp_environ(endpoint(receiver, "grpc"))
        sent = await play(tmp_path, settings | {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20wrong"})
        assert backend.spans == []
        sent += await play(tmp_path, settings | {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{TOKEN}"})
        backend.wait_for(12)
        assert sorted(interactions(backend.spans)) == sorted(sent)


@pytest.mark.parametrize("config", [CONFIG, GATEWAY], ids=lambda file: file.stem)
def test_backends_with_tls_and_a_header_of_their_own_are_reached(
    config: Path, authority: Authority, tmp_path: Path
) -> None:
    with running_backend(authority.for_grpc) as rows, running_backend(authority.for_grpc) as traces:
        environ = {"ANALYTICS_EXPORTER": "otlp_grpc", "OTLP_TOKEN": TOKEN, "SAMPLING_PERCENT": "100"}
        for name, backend in (("ANALYTICS", rows), ("TRACE_STORE", traces)):
            environ[f"{name}_ENDPOINT"] = f"localhost:{backend.port}"
            environ[f"{name}_CA_FILE"] = str(authority.ca)
            environ[f"{name}_AUTHORIZATION"] = f"Bearer of {name}"
        with running_collector(tmp_path, environ, config) as receiver:
            assert answer(receiver, "grpc", {"authorization": f"Bearer {TOKEN}"}) is ACCEPTED
            for name, backend in {"ANALYTICS": rows, "TRACE_STORE": traces if config is GATEWAY else rows}.items():
                backend.wait_for(1)
                assert backend.authorizations == {f"Bearer of {name if config is GATEWAY else 'ANALYTICS'}"}


def test_a_backend_is_reached_over_http(tmp_path: Path) -> None:
    with running_http_backend() as backend:
        environ = {
            "ANALYTICS_EXPORTER": "otlp_http",
            "ANALYTICS_ENDPOINT": f"http://127.0.0.1:{backend.port}",
            "ANALYTICS_AUTHORIZATION": "Bearer of the backend",
        }
        with running_collector(tmp_path, environ) as receiver:
            assert answer(receiver, "http/protobuf") is ACCEPTED
            backend.wait_for(1)
            assert backend.authorizations == {"Bearer of the backend"}
