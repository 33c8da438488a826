"""The outcome follows from the real exception; a rejection is not an error."""

from __future__ import annotations

import asyncio
from unittest import mock

import pytest
from discord import app_commands
from discord.ext import commands

from slashspan.semconv import Outcome
from slashspan.telemetry.instrument.outcomes import outcome_of, type_name, unwrap

COMMAND = mock.Mock(qualified_name="ban")  # only named in the exceptions' messages


def test_the_real_exception_is_found_under_every_wrapper() -> None:
    real = KeyError("x")
    wrapped = commands.HybridCommandError(app_commands.CommandInvokeError(COMMAND, real))
    assert unwrap(wrapped) is real
    assert unwrap(commands.CommandInvokeError(real)) is real
    assert unwrap(real) is real


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError(), Outcome.ERROR),
        (app_commands.CommandSignatureMismatch(COMMAND), Outcome.ERROR),
        (app_commands.CheckFailure(), Outcome.REJECTED),
        (app_commands.MissingPermissions(["ban_members"]), Outcome.REJECTED),
        (app_commands.CommandOnCooldown(app_commands.Cooldown(1, 2), 1.0), Outcome.REJECTED),
        (commands.CommandOnCooldown(commands.Cooldown(1, 2), 1.0, commands.BucketType.user), Outcome.REJECTED),
        (commands.MaxConcurrencyReached(1, commands.BucketType.user), Outcome.REJECTED),
        (commands.BadArgument(), Outcome.REJECTED),
        (commands.NotOwner(), Outcome.REJECTED),
        (commands.DisabledCommand(), Outcome.REJECTED),
        (commands.CommandNotFound(), Outcome.NOT_FOUND),
        (app_commands.CommandNotFound("x", []), Outcome.NOT_FOUND),
        (asyncio.CancelledError(), Outcome.CANCELLED),
        (KeyboardInterrupt(), Outcome.CANCELLED),
        (SystemExit(), Outcome.CANCELLED),
        (GeneratorExit(), Outcome.CANCELLED),
    ],
)
def test_exceptions_map_to_outcomes(error: BaseException, outcome: str) -> None:
    assert outcome_of(error) == outcome


def test_error_types_outside_of_builtins_are_qualified() -> None:
    assert type_name(KeyError()) == "KeyError"
    assert type_name(commands.BadArgument()) == "discord.ext.commands.errors.BadArgument"
