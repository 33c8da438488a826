"""Bots that have nothing but settings of OTLP, and what arrives of their actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan import semconv
from tests.support.processes import PLAIN, RUN, bot_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def otlp_environ(endpoint: str, protocol: str = "grpc", exporters: str = "otlp") -> dict[str, str]:
    return {
        "OTEL_TRACES_EXPORTER": exporters,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }


async def play(
    tmp_path: Path, settings: dict[str, str], times: int = 3, bot_file: Sequence[str] = (PLAIN,), command: str = "ping"
) -> list[str]:
    """Run a bot that has nothing but settings; ids of the interactions that it answered."""
    async with bot_process([*RUN, *bot_file], tmp_path, settings) as bot:
        actions = [await bot.discord.slash(command) for _ in range(times)]
        for action in actions:
            await action.answered()
        await bot.interrupt()
        assert await bot.ended() == 0
    return [str(action.id) for action in actions]


def attributes(span: object) -> dict[str, str]:
    """Those of a protobuf span that are strings."""
    return {item.key: item.value.string_value for item in span.attributes}  # type: ignore[attr-defined]


def interactions(spans: Iterable[object]) -> list[str]:
    """Ids on the spans of user actions."""
    found = (attributes(span).get(semconv.INTERACTION_ID) for span in spans)
    return [interaction for interaction in found if interaction is not None]
