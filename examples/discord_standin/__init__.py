"""A local stand-in for Discord, for the real discord.py client: gateway and REST on 127.0.0.1, and a ledger.

```python
async with StandIn() as discord:
    redirect(discord.environ)          # in the bot's process
    await discord.ready()
    action = await discord.slash("leaderboard", user=user, guild=guild)
    await action.answered()
```
"""

from .driver import drive
from .ledger import Action, Call, Fault, Ledger
from .people import Channel, Guild, User, snowflake, users
from .redirecting import redirect
from .server import StandIn

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
