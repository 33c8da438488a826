"""Lets an unchanged bot find the stand-in, and its random numbers be the same each time."""

import os
import random

import wrapt


def redirect(discord):
    import yarl

    discord.http.Route.BASE = os.environ["DISCORD_STANDIN_API"]
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_STANDIN_GATEWAY"])
    random.seed(1)


wrapt.register_post_import_hook(redirect, "discord")
