"""`python -m ladder_bot`: against Discord if DISCORD_TOKEN is set, otherwise the stand-in named by the environment."""

from __future__ import annotations

import os
import sys

import slashspan
from ladder_bot.bot import LadderBot
from ladder_bot.settings import LadderSettings, SettingError

token = os.environ.get("DISCORD_TOKEN")
if not token:
    from discord_standin import redirect

    if redirect() is None:
        sys.exit("Set DISCORD_TOKEN to run against Discord, or use `slashspan demo`, which needs no token.")
    token = "stand-in"  # noqa: S105 - the stand-in accepts any string

slashspan.configure(service_name="ladder-bot", handle_sigterm=True)
try:
    LadderBot(LadderSettings.from_environ(os.environ)).run(token)
except SettingError as error:
    sys.exit(str(error))
