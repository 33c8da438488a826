"""Time lost to Discord's rate limits, as opposed to waiting for other requests or for a busy machine.

discord.py queues requests of a bucket or of a webhook token behind each other, limit or not. A limit is only what it
sleeps for: the reset of an empty bucket, the delay of a webhook's lock, a 429's `retry_after`. Each such sleep puts a
limit in force, on a bucket, a lock or the whole client, for as long as Discord asked and no longer; a request has lost
the part of its waiting time that overlaps with limits in force on what it waited for.
"""

from __future__ import annotations

import json
import time
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from slashspan.guard import guarded
from slashspan.telemetry.instrument.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import aiohttp

    from slashspan.telemetry.instrument.patching import Patches

    Wrapped = Callable[..., Awaitable[Any]]
    Args = tuple[Any, ...]
    Kwargs = dict[str, Any]

TOO_MANY: Final = 429
_NS: Final = 1_000_000_000


class RestCall:
    """One call of discord.py's request functions: up to five attempts and the waits around them."""

    __slots__ = ("_refusal", "answered_ns", "client", "limited", "queue", "started_ns", "status", "tries", "wire_ns")

    def __init__(self, client: Intervals) -> None:
        self.started_ns = time.perf_counter_ns()
        self.tries = 0
        self.status: int | None = None
        self.wire_ns = 0
        self.answered_ns = 0
        self.limited = Intervals()
        """When a rate limit delayed it."""
        self.client = client
        """When global rate limits were in force."""
        self.queue: Intervals | None = None
        """When limits were in force on the bucket or the lock that it holds or waits for."""
        self._refusal: tuple[aiohttp.ClientResponse, int] | None = None

    def answered(self, response: aiohttp.ClientResponse) -> None:
        """An attempt was answered. After a 429 discord.py reads the body and sleeps."""
        self.status = response.status
        if response.status == TOO_MANY:
            self._refusal = response, time.perf_counter_ns()

    def resume(self) -> None:
        """It continues after the answer: a sleep after a 429 is over."""
        if self._refusal is None:
            return
        response, since = self._refusal
        self._refusal = None
        seconds, everywhere = _retry_after(response)
        until = since + int(seconds * _NS)
        self.limited.add(since, min(until, time.perf_counter_ns()))
        if self.queue is not None:
            self.queue.add(since, until)
        if everywhere:
            self.client.add(since, until)


current_call: ContextVar[RestCall | None] = ContextVar("slashspan_rest_call", default=None)


class RateLimitHooks:
    """The wrappers. Keeps limits only while a request may depend on them."""

    def __init__(self) -> None:
        self._in_force: weakref.WeakValueDictionary[int, Intervals] = weakref.WeakValueDictionary()

    def install(self, patches: Patches) -> None:
        from discord.http import Ratelimit
        from discord.webhook.async_ import AsyncDeferredLock

        patches.wrap(Ratelimit, "acquire", self._acquire)
        patches.wrap(Ratelimit, "_refresh", self._refresh)
        patches.wrap(Ratelimit, "__aexit__", self._leave)
        patches.wrap(AsyncDeferredLock, "__aenter__", self._acquire_lock)
        patches.wrap(AsyncDeferredLock, "__aexit__", self._leave_lock)

    def on(self, owner: object) -> Intervals:
        """When limits are in force on a client, bucket or lock, which must live as long as the result is used."""
        found = self._in_force.get(id(owner))
        if found is None:
            found = self._in_force[id(owner)] = Intervals()
        return found

    async def _acquire(self, wrapped: Wrapped, bucket: Any, args: Args, kwargs: Kwargs) -> Any:
        since = self._enter_queue(bucket)
        self._bucket_is_empty(bucket)
        try:
            return await wrapped(*args, **kwargs)
        finally:
            self._waited(since)

    async def _acquire_lock(self, wrapped: Wrapped, deferred: Any, args: Args, kwargs: Kwargs) -> Any:
        since = self._enter_queue(getattr(deferred, "lock", deferred))
        try:
            return await wrapped(*args, **kwargs)
        finally:
            self._waited(since)

    async def _refresh(self, wrapped: Wrapped, bucket: Any, args: Args, kwargs: Kwargs) -> Any:
        in_force = self._bucket_resets(bucket)
        try:
            return await wrapped(*args, **kwargs)
        finally:
            del in_force  # held until here: requests may start to wait for the bucket while this one sleeps

    async def _leave(self, wrapped: Wrapped, _: Any, args: Args, kwargs: Kwargs) -> Any:
        since = time.perf_counter_ns()
        try:
            return await wrapped(*args, **kwargs)
        finally:
            self._waited(since)

    async def _leave_lock(self, wrapped: Wrapped, deferred: Any, args: Args, kwargs: Kwargs) -> Any:
        since = time.perf_counter_ns()
        self._lock_is_delayed(deferred)
        try:
            return await wrapped(*args, **kwargs)
        finally:
            self._waited(since)

    @guarded
    def _enter_queue(self, queue: object) -> int | None:
        now = time.perf_counter_ns()
        call = current_call.get()
        if call is not None:
            call.limited.add_overlap(call.client, call.started_ns, now)
            call.queue = self.on(queue)
        return now

    @guarded
    def _waited(self, since: int | None) -> None:
        call = current_call.get()
        if call is not None and call.queue is not None and since is not None:
            call.limited.add_overlap(call.queue, since, time.perf_counter_ns())

    @guarded
    def _bucket_is_empty(self, bucket: Any) -> None:
        """With no request in flight only the reset refills it: the last one was cancelled while it slept until then."""
        if bucket.remaining <= 0 and bucket.outgoing == 0 and bucket.expires and not bucket._sleeping.locked():
            self._put_in_force(bucket, bucket.expires - bucket._loop.time())

    @guarded
    def _bucket_resets(self, bucket: Any) -> Intervals | None:
        longest = bucket._max_ratelimit_timeout
        if bucket._sleeping.locked() or (longest and bucket.reset_after > longest):
            return None  # another request sleeps, or an error is raised instead
        return self._put_in_force(bucket, bucket.reset_after)

    @guarded
    def _lock_is_delayed(self, deferred: Any) -> None:
        if deferred.delta:
            self._put_in_force(deferred.lock, deferred.delta)

    def _put_in_force(self, owner: object, seconds: float) -> Intervals:
        now = time.perf_counter_ns()
        in_force = self.on(owner)
        in_force.add(now, now + int(seconds * _NS))
        return in_force


def _retry_after(response: aiohttp.ClientResponse) -> tuple[float, bool]:
    """The seconds of a 429, and whether it is global: from the body, which discord.py has read by now."""
    try:
        data = json.loads(response._body or b"")
        return float(data["retry_after"]), bool(data.get("global", False))
    except (AttributeError, LookupError, TypeError, ValueError):  # not an answer of Discord's API
        return 0.0, False
