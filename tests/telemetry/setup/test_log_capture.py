"""What is exported of the records that a bot logs, and that its own logging stays as it is."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import TYPE_CHECKING

import pytest
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from slashspan.settings import Settings
from slashspan.telemetry.setup.log_capture import LogCapture, not_exported

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("ladder")


class Captured:
    """A capture under test, and what it has exported."""

    def __init__(self, **environ: str) -> None:
        self.memory = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        provider = self.provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(self.memory))
        self.capture = LogCapture(provider, Settings.from_environ(environ).logs)
        self.capture.install()

    @property
    def bodies(self) -> list[object]:
        return [finished.log_record.body for finished in self.memory.get_finished_logs()]


@pytest.fixture
def captured() -> Iterator[Captured]:
    made = Captured()
    yield made
    made.capture.remove()


def test_discord_py_is_exported_without_messages_and_tokens(
    captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    http = logging.getLogger("discord.http")
    caplog.set_level(logging.DEBUG)
    logging.getLogger("discord.gateway").debug(
        "For Shard ID %s: WebSocket Event: %s", 0, {"content": "what they wrote"}
    )
    http.warning(
        "We are being rate limited. %s %s responded with 429.", "POST", "https://d/interactions/12/aW5.x-y/callback"
    )
    http.warning("%s %s", "PATCH", "https://d/webhooks/34/secret_token/messages/@original")
    log.debug("the bot's own")
    assert captured.bodies == [
        "We are being rate limited. POST https://d/interactions/12/…/callback responded with 429.",
        "PATCH https://d/webhooks/34/…/messages/@original",
        "the bot's own",
    ]
    assert "secret_token" in caplog.text, "the bot's own handlers get what they always got"


def test_levels_and_propagation_of_the_bot_decide(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    made = Captured(OTEL_PYTHON_LOG_HANDLER_LEVEL="warn", OTEL_PYTHON_LOG_CODE_ATTRIBUTES="true")
    apart = logging.getLogger("ladder.apart")
    apart.propagate = False
    try:
        log.info("too low")
        apart.error("does not reach the root logger")
        with not_exported():
            log.error("paused")
        log.error("exported")
    finally:
        apart.propagate = True
        made.capture.remove()
    log.error("removed")
    assert made.bodies == ["exported"]
    (finished,) = made.memory.get_finished_logs()
    assert (finished.log_record.attributes or {})[
        "code.function.name"
    ] == "test_levels_and_propagation_of_the_bot_decide"


def test_nothing_that_the_bot_logs_can_raise_or_is_kept_alive(captured: Captured) -> None:
    log = logging.Logger("ladder")  # noqa: LOG001 - apart from pytest's handlers, which keep records

    class Member:
        def __str__(self) -> str:
            return "a member"

    member = Member()
    gone = weakref.ref(member)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging, "raiseExceptions", False)
        log.warning("%d of %d", *[1])  # too few arguments
        log.warning("hello %s", member, extra={"member": member})
        try:
            raise ValueError("unusable")
        except ValueError:
            log.exception("failed")
    del member
    gc.collect()
    assert captured.bodies[0] == "%d of %d"
    assert {"hello a member", "failed"} <= set(captured.bodies)
    assert gone() is None
    failed = captured.memory.get_finished_logs()[-1].log_record.attributes or {}
    assert failed["exception.type"] == "ValueError"


def test_the_bot_finds_its_logging_untouched(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    assert not log.hasHandlers()
    logging.basicConfig(format="mine %(message)s")
    assert [handler.formatter._fmt for handler in root.handlers if handler.formatter] == ["mine %(message)s"]
    assert logging.basicConfig.__module__ == "logging"


def test_a_record_that_opentelemetrys_own_handler_passes_on_is_exported_once(
    captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry._logs import _internal as global_state

    monkeypatch.setattr(logging.getLogger(), "handlers", [LoggingHandler(logger_provider=captured.provider)])
    log.warning("by the bot's handler")
    monkeypatch.setattr(global_state, "_LOGGER_PROVIDER", None)
    monkeypatch.setattr(logging.getLogger(), "handlers", [LoggingHandler()])  # of a distro that was loaded before
    monkeypatch.setattr(global_state, "_LOGGER_PROVIDER", captured.provider)
    log.warning("by the proxy")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log.warning("by ours")
    assert captured.bodies == ["by the bot's handler", "by the proxy", "by ours"]


def test_a_patch_that_somebody_else_has_wrapped_passes_records_through() -> None:
    original = logging.Logger.callHandlers
    made = Captured()
    ours = logging.Logger.callHandlers
    seen = []

    def theirs(logger: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.getMessage())
        ours(logger, record)

    try:
        logging.Logger.callHandlers = theirs  # type: ignore[method-assign, assignment]
        made.capture.remove()
        assert logging.Logger.callHandlers is theirs
        log.warning("after")
    finally:
        logging.Logger.callHandlers = original  # type: ignore[method-assign]
    assert seen == ["after"]
    assert made.bodies == []
