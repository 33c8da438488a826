"""Who may see the page, and what the browser may do with it."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from aiohttp import web
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
COOKIE: Final = "slashspan_token"
COOKIE_SECONDS: Final = 30 * 86_400
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
FREE_PATHS: Final = ("/login", "/static/page.css")
"""What somebody without a token may ask for."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def protect(*, hosts: Collection[str], token: str | None) -> Middleware:
    """A middleware. `hosts`: the names under which the page may be asked for: another one in `Host` is that of a site
    which had its name resolved to this machine (DNS rebinding). `token`: what a browser must have shown, if any."""
    names = {host.lower() for host in hosts}

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _host(request) not in names:
            response: web.StreamResponse = web.Response(status=421, text=_unknown_host(request))
        elif token is None or request.path in FREE_PATHS or _shows(request.cookies.get(COOKIE, ""), token):
            response = await _handled(request, handler)
        else:
            response = see_other("/login")
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return middleware


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:  # raised, it would pass the headers by
        return web.Response(status=error.status, text=error.text)


def see_other(path: str) -> web.Response:
    """Sends the browser to another page."""
    return web.Response(status=303, headers={"Location": path})


def login(shown: str, token: str, *, secure: bool) -> web.StreamResponse | None:
    """The way in, with a cookie that scripts cannot read; None if the token is wrong."""
    if not _shows(shown, token):
        return None
    response = see_other("/")
    response.set_cookie(COOKIE, token, max_age=COOKIE_SECONDS, httponly=True, samesite="Strict", secure=secure)
    return response


def _shows(shown: str, token: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "replace"), token.encode())


def _host(request: web.Request) -> str | None:
    try:
        return URL(f"http://{request.host}").host
    except ValueError:
        return None


def _unknown_host(request: web.Request) -> str:
    return f"This page is not served under the name {request.host!r}. Allow it with --allow-host NAME.\n"
