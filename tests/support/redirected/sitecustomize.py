"""Sends a bot that was written for the real Discord to a stand-in, once it imports discord."""

import os
import sys

BASE, GATEWAY = os.environ.get("DISCORD_STANDIN_API"), os.environ.get("DISCORD_STANDIN_GATEWAY")


class Redirect:
    """A finder at the head of `sys.meta_path` that changes discord's addresses once it has been imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "discord":
            return None
        sys.meta_path.remove(self)
        found = (finder.find_spec(name, path, target) for finder in list(sys.meta_path) if hasattr(finder, "find_spec"))
        spec = next(filter(None, found), None)
        if spec is not None:
            follow(spec.loader)
        return spec


def follow(loader):
    execute = loader.exec_module

    def exec_module(module):
        execute(module)
        import yarl
        from discord.gateway import DiscordWebSocket

        module.http.Route.BASE = BASE
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(GATEWAY)

    loader.exec_module = exec_module


if BASE and GATEWAY:
    sys.meta_path.insert(0, Redirect())
