"""What the parts of the page share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slashspan.insights.dashboard import security
from slashspan.insights.dashboard.address import State, StoredIds, as_it_is
from slashspan.insights.dashboard.tables import NUMBERS, sortable
from slashspan.insights.pages.environment import environment
from slashspan.insights.wording import cell, command_name, plural

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from aiohttp import web

    from slashspan.insights.dashboard.pool import ReaderPool

    Handler = Callable[[web.Request, State], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `slashspan dashboard`."""

    title: str = "Commands"
    zone: str = "UTC"
    hosts: Collection[str] = security.LOOPBACK_NAMES
    token: str | None = None
    stored_ids: StoredIds = as_it_is
    """Under which ids the calls of a user are stored."""
    trace_link: str | None = None
    """An address with `{trace_id}` in it, to the trace of a call."""
    funnel: tuple[str, ...] = ()
    """Steps of the one that is shown; empty: none is."""
    catch_up: Callable[[], None] | None = None
    """Refreshes the sums for a while; may block."""


class Site:
    """Options, connections and templates."""

    def __init__(self, options: Options, pool: ReaderPool) -> None:
        self.options = options
        self.pool = pool
        self._templates = environment("slashspan.insights.dashboard")
        shared = {"command_name": command_name, "cell": cell, "plural": plural}
        self._templates.globals.update(shared, sortable=sortable, numbers=NUMBERS)

    def state(self, request: web.Request) -> State:
        """Raises ConfigurationError."""
        return State.parse(request.query, zone=self.options.zone, stored_ids=self.options.stored_ids)

    def render(self, name: str, **values: Any) -> str:
        """HTML, in which everything that users wrote is escaped."""
        return self._templates.get_template(name).render(**values)
