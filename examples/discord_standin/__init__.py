"""A local stand-in for Discord, for the real discord.py client: gateway and REST on 127.0.0.1, and a ledger.

```python
async with StandIn() as discord:
    redirect(discord.environ)          # in the bot's process
    await discord.ready()
    action = await discord.slash("leaderboard", user=user, guild=guild)
    await action.answered()
```
"""

from discord_standin.driver import drive
from discord_standin.ledger import Action, Call, Fault, Ledger
from discord_standin.people import Channel, Guild, User, snowflake, users
from discord_standin.redirecting import redirect
from discord_standin.server import StandIn

__all__ = [
    "Action",
    "Call",
    "Channel",
    "Fault",
    "Guild",
    "Ledger",
    "StandIn",
    "User",
    "drive",
    "redirect",
    "snowflake",
    "users",
]
