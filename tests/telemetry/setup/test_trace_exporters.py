"""Where OTLP goes is read as its exporters read it, checked at the start, and shown without its keys."""

from __future__ import annotations

import os

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from slashspan.errors import ConfigurationError
from slashspan.telemetry.setup.trace_exporters import build, otlp_endpoint
from tests.support.otlp_http_backend import running_http_backend
from tests.support.spans import finished

HTTP = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, ("localhost", 4317)),
        (HTTP, ("localhost", 4318)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, ("collector", 4317)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://[::1]:4317"}, ("::1", 4317)),
        ({**HTTP, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}, ("collector", 80)),
        ({**HTTP, "OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:pw@collector/otlp?key=x"}, ("collector", 443)),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://one:1",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://two:2",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            ("two", 2),
        ),
    ],
)
def test_host_and_port_are_those_of_the_variables(environ: dict[str, str], address: tuple[str, int]) -> None:
    endpoint = otlp_endpoint(environ)
    assert (endpoint.host, endpoint.port) == address


def test_a_collector_keeps_its_identity_when_its_keys_change() -> None:
    urls = ["https://c:4317/v1", "https://user:hunter2@c:4317/v1", "https://c:4317/v1?key=hunter2"]
    endpoints = [otlp_endpoint({"OTEL_EXPORTER_OTLP_ENDPOINT": url}) for url in urls]
    assert {endpoint.identity for endpoint in endpoints} == {"https://c:4317/v1"}
    assert "hunter" not in repr(endpoints)


@pytest.mark.parametrize("port", ["99999", "0", "hunter2", "-1", "43 17"])
def test_a_bad_port_is_refused_before_the_exporter_quotes_the_url(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"https://user:hunter2@collector:{port}")
    with pytest.raises(ConfigurationError, match=r"_TRACES_ENDPOINT=.*a port from 1 to 65535") as caught:
        build("otlp")
    assert "hunter" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("more", [{}, {"OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem"}], ids=["", "certificates"])
def test_a_forked_child_has_its_own_connection_to_the_collector(
    more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_http_backend() as backend:
        for name, value in {**HTTP, **more, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{backend.port}"}.items():
            monkeypatch.setenv(name, value)
        exporter = build("otlp")
        assert exporter.export([finished()]) is SpanExportResult.SUCCESS
        child = os.fork()
        if child == 0:
            sent = False
            try:
                sent = exporter.export([finished()]) is SpanExportResult.SUCCESS
            finally:
                os._exit(0 if sent else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert exporter.export([finished()]) is SpanExportResult.SUCCESS
        exporter.shutdown()
    before, in_child, after = backend.connections
    assert before == after != in_child
