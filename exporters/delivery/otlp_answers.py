"""What a collector answered to the last batch. The SDK's OTLP exporters only say whether it failed.

They have no public way to see an answer, so this one stands between an exporter and its gRPC stub or HTTP transport.
With an SDK that has other private names, or with an exporter of another kind, nothing is known of the answers.

Which failures are worth a retry: https://opentelemetry.io/docs/specs/otlp/#failures and #failures-1.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

BUSY_CODES: Final = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
"""Of gRPC. RESOURCE_EXHAUSTED is one too if the answer says when to try again."""
BUSY_STATUSES: Final = {429, 502, 503, 504}
"""Of HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`Answer()`: it accepted the batch, rejected it for good, or nothing is known."""

    busy: bool = False
    """It was overloaded, restarting or away, whatever the batch was."""
    retry_after: float = 0.0
    """Seconds that it asks to wait."""
    rejected: int = 0
    """Spans of an accepted batch that it rejected, and that must not be sent again."""
    message: str = ""
    """Why it rejected them."""


class OtlpAnswers:
    """Sends through an exporter. `last`: the answer to its latest attempt."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.last = Answer()
        self._exporter = exporter
        inside: Any = exporter
        client = getattr(inside, "_client", None)
        stub = getattr(inside, "_stub", None)
        if callable(stub) and hasattr(client, "Export"):
            inside._stub = lambda channel: _Stub(stub(channel), self._note)  # it makes a new one after UNAVAILABLE
            inside._client = _Stub(client, self._note)
        elif client is not None and hasattr(client, "_transport"):
            client._transport = _Transport(client._transport, self._note)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.last = Answer()  # of a batch that it does not even send, nothing is known
        return self._exporter.export(spans)

    def _note(self, answer: Answer) -> None:
        self.last = answer


class _Stub:
    """A gRPC stub of OTLP."""

    def __init__(self, stub: Any, note: Callable[[Answer], None]) -> None:
        self._stub = stub
        self._note = note

    def Export(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - as the protocol calls it
        self._note(Answer())
        try:
            response = self._stub.Export(*args, **kwargs)
        except Exception as error:
            self._note(_failure(error))
            raise
        self._note(_partial(response))
        return response


class _Transport:
    """An HTTP transport of the SDK's exporters."""

    def __init__(self, transport: Any, note: Callable[[Answer], None]) -> None:
        self._transport = transport
        self._note = note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self._note(Answer())
        result = self._transport.request(*args, **kwargs)
        if result.status_code is None:
            self._note(Answer(busy=self._transport.is_connection_error(result.error)))
        elif result.status_code in BUSY_STATUSES:
            self._note(Answer(busy=True, retry_after=_seconds(result.headers().get("retry-after"))))
        elif result.status_code < 300:
            self._note(_parsed(result.content()))
        return result


def _failure(error: Any) -> Answer:
    code = error.code().name if hasattr(error, "code") else ""
    asked = _retry_info(error) if hasattr(error, "trailing_metadata") else None
    busy = code in BUSY_CODES or (code == "RESOURCE_EXHAUSTED" and asked is not None)
    return Answer(busy=busy, retry_after=asked or 0.0 if busy else 0.0)


def _retry_info(error: Any) -> float | None:
    """Seconds of RetryInfo in the details of a status (https://google.aip.dev/193)."""
    from google.rpc.error_details_pb2 import RetryInfo
    from google.rpc.status_pb2 import Status

    info = RetryInfo()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            with contextlib.suppress(ValueError):  # what cannot be parsed says nothing
                for detail in Status.FromString(value).details:
                    if detail.Unpack(info):
                        return float(info.retry_delay.ToTimedelta().total_seconds())
    return None


def _seconds(header: str | None) -> float:
    """Of Retry-After: a number, or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return 0.0
    with contextlib.suppress(ValueError):
        return max(0.0, float(header))
    with contextlib.suppress(ValueError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time())
    return 0.0


def _parsed(body: bytes) -> Answer:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        return _partial(ExportTraceServiceResponse.FromString(body))
    except ValueError:  # a backend that answers with something of its own
        return Answer()


def _partial(response: Any) -> Answer:
    partial = response.partial_success
    return Answer(rejected=partial.rejected_spans, message=partial.error_message)
