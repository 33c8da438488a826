"""The bot of `process_cost`: commands that answer at once. `python -m benchmarks._process_bot WAY`.

WAY is one of WAYS. Where Discord is, and slashspan's settings, are in the environment.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import discord
import yarl
from discord.ext import commands
from discord.gateway import DiscordWebSocket

if TYPE_CHECKING:
    from collections.abc import Callable

NONE: Final = "no telemetry"
SPAN: Final = "a bare SDK span in the command"
PEER: Final = "opentelemetry-instrumentation-discordpy, null exporter"
SLASHSPAN: Final = "slashspan, everything"
WAYS: Final = (NONE, SPAN, PEER, SLASHSPAN)
CUSTOM_ID: Final = "press"
ATTRIBUTES: Final[dict[str, Any]] = {
    "discord.interaction.id": "1574466529095843846",
    "discord.application.id": "1395121340893008024",
    "discord.user.id": "80351110224678912",
    "discord.user.name": "nelly",
    "discord.locale": "en-US",
    "discord.gateway.delay_ms": 3.25,
    "discord.loop.delay_ms": 0.0,
    "discord.guild.id": "197038439483310086",
    "discord.channel.id": "155101607195836416",
    "discord.guild.locale": "de",
    "discord.shard.id": 0,
    "discord.interaction.context": "guild",
    "discord.interaction.installation": "guild",
    "discord.interaction.kind": "slash",
    "discord.command.name": "ping",
    "discord.interaction.outcome": "ok",
    "discord.interaction.ack_ms": 1.25,
    "discord.interaction.ack_kind": "message",
}
"""As many as slashspan records of a slash command, and like them."""


def span_in_the_command() -> Callable[[], None]:
    """Returns a function that makes a span of the SDK, which a batch processor discards."""
    from opentelemetry.trace import SpanKind

    tracer = _provider().get_tracer("bare")

    def inside() -> None:
        with tracer.start_as_current_span("slash ping", kind=SpanKind.SERVER, attributes=ATTRIBUTES):
            pass

    return inside


def instrument_with_peer() -> None:
    from opentelemetry import trace
    from opentelemetry_instrumentation_discordpy import DiscordPyInstrumentor  # type: ignore[import-untyped]

    trace.set_tracer_provider(_provider())
    DiscordPyInstrumentor().instrument()


def _provider() -> Any:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from benchmarks._sinks import NoExporter

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(NoExporter()))
    return provider


def main(way: str) -> None:
    discord.http.Route.BASE = os.environ["DISCORD_STANDIN_API"]
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_STANDIN_GATEWAY"])
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot("!", intents=intents, help_command=None)
    inside: Callable[[], None] = span_in_the_command() if way == SPAN else lambda: None

    @bot.tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        inside()
        await interaction.response.send_message("pong")

    @bot.tree.command()
    async def collect(interaction: discord.Interaction) -> None:
        gc.collect()
        await interaction.response.send_message("collected")

    @bot.command()
    async def pong(ctx: commands.Context[Any]) -> None:
        inside()
        await ctx.send("pong")

    class Buttons(discord.ui.View):
        @discord.ui.button(label="press", custom_id=CUSTOM_ID)
        async def press(self, interaction: discord.Interaction, button: discord.ui.Button[Any]) -> None:
            inside()
            await interaction.response.defer()

    async def setup_hook() -> None:
        bot.add_view(Buttons(timeout=None))

    bot.setup_hook = setup_hook  # type: ignore[method-assign]
    if way == PEER:
        instrument_with_peer()
    elif way == SLASHSPAN:
        import slashspan

        slashspan.configure(service_name="benchmark")
    bot.run("token", log_handler=None)


if __name__ == "__main__":
    logging.disable()
    main(sys.argv[1])
