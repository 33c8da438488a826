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
_now = time.perf_counter_ns


class RestCall:
    """One call of discord.py's request functions: up to five attempts and the waits around them."""

    __slots__ = (
        "answered_ns",
        "client",
        "limited",
        "owner",
        "queue",
        "refusal",
        "started_ns",
        "status",
        "tries",
        "wire_ns",
    )

    def __init__(self, client: Intervals) -> None:
        self.started_ns = _now()
        self.tries = 0
        self.status: int | None = None
        self.wire_ns = 0
        self.answered_ns = 0
        self.limited: Intervals | None = None
        """When a rate limit delayed it; None: never."""
        self.client = client
        """When global rate limits were in force."""
        self.owner: object | None = None
        """The bucket or the lock that it holds or waits for."""
        self.queue: Intervals | None = None
        """When limits were in force on `owner`; None if it did not have to wait there."""
        self.refusal: tuple[aiohttp.ClientResponse, int] | None = None
        """A 429 after which discord.py sleeps, and when it came."""

    def delayed(self) -> Intervals:
        """`limited`, to be added to."""
        if self.limited is None:
            self.limited = Intervals()
        return self.limited


current_call: ContextVar[RestCall | None] = ContextVar("slashspan_rest_call", default=None)


class RateLimitHooks:
    """The wrappers. Keeps limits only while a request may depend on them.

    Nearly all requests wait for nothing, so what they cost is a look at the bucket or the lock.
    """

    def __init__(self) -> None:
        self._in_force: weakref.WeakValueDictionary[int, Intervals] = weakref.WeakValueDictionary()
        self.clients: dict[int, tuple[weakref.ref[object], Intervals]] = {}
        """When global limits are in force, by the client's `id`."""

    def install(self, patches: Patches) -> None:
        from discord.http import Ratelimit
        from discord.webhook.async_ import AsyncDeferredLock

        patches.replace(Ratelimit, "acquire", self._make_acquire)
        patches.wrap(Ratelimit, "_refresh", self._refresh)
        patches.replace(Ratelimit, "__aexit__", self._make_leave)
        patches.replace(AsyncDeferredLock, "__aenter__", self._make_acquire_lock)
        patches.replace(AsyncDeferredLock, "__aexit__", self._make_leave_lock)

    def on_client(self, client: object) -> Intervals:
        """When global limits are in force on a client."""
        known = self.clients.get(id(client))
        if known is not None and known[0]() is client:
            return known[1]
        for key, (ref, _) in list(self.clients.items()):
            if ref() is None:
                self.clients.pop(key, None)
        in_force = Intervals()
        self.clients[id(client)] = (weakref.ref(client), in_force)
        return in_force

    def on(self, owner: object) -> Intervals:
        """When limits are in force on a bucket or lock, which must live as long as the result is used."""
        found = self._in_force.get(id(owner))
        if found is None:
            found = self._in_force[id(owner)] = Intervals()
        return found

    def resume(self, call: RestCall) -> None:
        """The call continues after an answer: a sleep after a 429 is over."""
        if call.refusal is None:
            return
        response, since = call.refusal
        call.refusal = None
        seconds, everywhere = _retry_after(response)
        until = since + int(seconds * _NS)
        call.delayed().add(since, min(until, _now()))
        if call.owner is not None:
            if call.queue is None:
                call.queue = self.on(call.owner)
            call.queue.add(since, until)
        if everywhere:
            call.client.add(since, until)

    def _make_acquire(self, original: Callable[..., Awaitable[Any]], active: list[bool]) -> Callable[..., Any]:
        current = current_call.get

        async def acquire(bucket: Any, /, *args: Any) -> Any:
            call = current() if active else None
            if call is None:
                return await original(bucket, *args)
            if not call.client.kept and _has_room(bucket):
                call.owner, call.queue = bucket, None
                return await original(bucket, *args)
            since = self._enter_queue(call, bucket)
            self._bucket_is_empty(bucket)
            try:
                return await original(bucket, *args)
            finally:
                self._waited(call, since)

        return acquire

    def _make_acquire_lock(self, original: Callable[..., Awaitable[Any]], active: list[bool]) -> Callable[..., Any]:
        current = current_call.get

        async def enter(deferred: Any, /, *args: Any) -> Any:
            call = current() if active else None
            if call is None:
                return await original(deferred, *args)
            lock = getattr(deferred, "lock", deferred)
            if not call.client.kept and not lock.locked():
                call.owner, call.queue = lock, None
                return await original(deferred, *args)
            since = self._enter_queue(call, lock)
            try:
                return await original(deferred, *args)
            finally:
                self._waited(call, since)

        return enter

    async def _refresh(self, wrapped: Wrapped, bucket: Any, args: Args, kwargs: Kwargs) -> Any:
        in_force = self._bucket_resets(bucket)
        try:
            return await wrapped(*args, **kwargs)
        finally:
            del in_force  # held until here: requests may start to wait for the bucket while this one sleeps

    def _make_leave(self, original: Callable[..., Awaitable[Any]], active: list[bool]) -> Callable[..., Any]:
        async def leave(bucket: Any, /, *args: Any) -> Any:
            call = None if not active or _stays_open(bucket) else current_call.get()
            if call is None:
                return await original(bucket, *args)
            since = self._enter_queue(call, bucket)
            try:
                return await original(bucket, *args)
            finally:
                self._waited(call, since)

        return leave

    def _make_leave_lock(self, original: Callable[..., Awaitable[Any]], active: list[bool]) -> Callable[..., Any]:
        async def leave(deferred: Any, /, *args: Any) -> Any:
            call = current_call.get() if active and getattr(deferred, "delta", None) else None
            if call is None:
                return await original(deferred, *args)
            since = self._enter_queue(call, getattr(deferred, "lock", deferred))
            self._lock_is_delayed(deferred)
            try:
                return await original(deferred, *args)
            finally:
                self._waited(call, since)

        return leave

    @guarded
    def _enter_queue(self, call: RestCall, owner: object) -> int:
        """The call may have to wait for `owner`; returns the time."""
        now = _now()
        if call.client.kept:
            call.delayed().add_overlap(call.client, call.started_ns, now)
        call.owner, call.queue = owner, self.on(owner)
        return now

    @guarded
    def _waited(self, call: RestCall, since: int | None) -> None:
        if call.queue is not None and call.queue.kept and since is not None:
            call.delayed().add_overlap(call.queue, since, _now())

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
        now = _now()
        in_force = self.on(owner)
        in_force.add(now, now + int(seconds * _NS))
        return in_force


def _has_room(bucket: Any) -> bool:
    """Whether a request is let through at once, also if the bucket is reset first."""
    try:
        return bool(bucket.remaining > 0 and bucket.outgoing < bucket.limit)
    except AttributeError:  # another discord.py
        return False


def _stays_open(bucket: Any) -> bool:
    """Whether nothing sleeps when a request leaves."""
    try:
        return bool(bucket.remaining - bucket.outgoing + 1 > 0)
    except AttributeError:
        return False


def _retry_after(response: aiohttp.ClientResponse) -> tuple[float, bool]:
    """The seconds of a 429, and whether it is global: from the body, which discord.py has read by now."""
    try:
        data = json.loads(response._body or b"")
        return float(data["retry_after"]), bool(data.get("global", False))
    except (AttributeError, LookupError, TypeError, ValueError):  # not an answer of Discord's API
        return 0.0, False
