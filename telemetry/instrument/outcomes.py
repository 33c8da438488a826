"""Maps exceptions to outcomes: unwraps the real exception, and distinguishes rejections from errors."""

from __future__ import annotations

import asyncio
from typing import Final

from discord import app_commands
from discord.ext import commands

from slashspan.semconv import Outcome

# KeyboardInterrupt and SystemExit are raised in whatever is running when the process is told to stop, GeneratorExit in
# a task that is garbage-collected because nothing references it.
_CANCELLED: Final = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)
_NOT_FOUND: Final = (app_commands.CommandNotFound, commands.CommandNotFound)
_REJECTED: Final = (
    # discord.py's exceptions for users who lack permission or give invalid input; cooldowns are CheckFailures in
    # app_commands, and a separate class in ext.commands.
    app_commands.CheckFailure,
    app_commands.TransformerError,
    commands.CheckFailure,
    commands.UserInputError,
    commands.CommandOnCooldown,
    commands.MaxConcurrencyReached,
    commands.DisabledCommand,
)


def unwrap(error: BaseException) -> BaseException:
    """The exception that the bot's code raised, without CommandInvokeError, HybridCommandError, ConversionError."""
    while isinstance(inner := getattr(error, "original", None), BaseException) and inner is not error:
        error = inner
    return error


def outcome_of(error: BaseException) -> str:
    """The outcome of an action that ended with `error`, which is already unwrapped."""
    if isinstance(error, _CANCELLED):
        return Outcome.CANCELLED
    if isinstance(error, _NOT_FOUND):
        return Outcome.NOT_FOUND
    if isinstance(error, _REJECTED):
        return Outcome.REJECTED
    return Outcome.ERROR


def type_name(error: BaseException) -> str:
    """Qualified name for `error.type`: `KeyError`, `discord.errors.NotFound`."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
