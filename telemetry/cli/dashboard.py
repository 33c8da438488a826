"""`slashspan dashboard`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import click

from slashspan.errors import ConfigurationError
from slashspan.telemetry.cli.options import dsn_option, env_file_option, settings_of
from slashspan.telemetry.cli.output import say
from slashspan.telemetry.cli.reading import opened_reader
from slashspan.telemetry.cli.stats import stored_ids_of

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT: Final = 8722
TOKEN_LENGTH: Final = 16


@click.command(short_help="Show a live page with charts of everything.")
@env_file_option
@dsn_option
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; other than this needs a token."
)
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option(
    "--token",
    envvar="SLASHSPAN_DASHBOARD_TOKEN",
    show_envvar=True,
    help="What visitors must know; better given in the environment, where other users of this machine do not see it.",
)
@click.option(
    "--allow-host", "allowed", multiple=True, metavar="NAME", help="A name under which a proxy serves the page."
)
@click.option(
    "--zone",
    metavar="NAME",
    help="Time zone, until a visitor chooses another one.  [default: SLASHSPAN_ZONE, or UTC]",
)
@click.option("--title", default="Commands", show_default=True, help="Heading of the page.")
@click.option("--trace-link", metavar="URL", help="Address of a call's trace, with {trace_id} in it.")
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
def dashboard(
    dsn: str | None,
    host: str,
    port: int,
    token: str | None,
    allowed: Sequence[str],
    zone: str | None,
    title: str,
    trace_link: str | None,
    opened: bool,
) -> None:
    """Serve a page with all reports and charts, which shows new calls as they come.

    It reads rows and never writes them. While a page is open, it keeps sums up to date that `slashspan rollup build`
    has made, unless SLASHSPAN_REFRESH_SUMS is false. Ctrl-C ends it. Needs the extra `dashboard`.
    """
    from slashspan.insights import Filters
    from slashspan.insights.readers import connector
    from slashspan.insights.sums.freshness import catch_up, is_for_readers
    from slashspan.insights.zones import find_zone

    try:
        import jinja2  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(f"the dashboard needs {error.name}: pip install 'slashspan[dashboard]'") from None
    from slashspan.insights.dashboard import security
    from slashspan.insights.dashboard.app import Dashboard
    from slashspan.insights.dashboard.serve import serve
    from slashspan.insights.dashboard.site import Options

    if not security.is_loopback(host) and not token:
        raise ConfigurationError(
            f"--host {host} can be reached from other machines, so visitors must know a token: set "
            "SLASHSPAN_DASHBOARD_TOKEN, or leave --host out and use a tunnel: ssh -L 8722:127.0.0.1:8722 …"
        )
    if token and len(token) < TOKEN_LENGTH:
        raise ConfigurationError(f"the token must have at least {TOKEN_LENGTH} characters")
    if trace_link and (not trace_link.startswith(("https://", "http://")) or "{trace_id}" not in trace_link):
        raise ConfigurationError("--trace-link must be a web address with {trace_id} in it")
    settings = settings_of(dsn)
    zone = zone or settings.zone
    find_zone(zone)
    with opened_reader(settings, Filters(zone=zone)):
        pass  # what is wrong with the store is said now, and not on the page
    hosts = {*security.LOOPBACK_NAMES, *allowed, *(() if host in ("0.0.0.0", "::") else (host,))}  # noqa: S104
    refreshed = settings.refresh_sums and is_for_readers(settings.dsn)
    options = Options(
        title=title,
        zone=zone,
        hosts=hosts,
        token=token or None,
        trace_link=trace_link,
        funnel=settings.funnel,
        stored_ids=lambda user: stored_ids_of([user], settings),
        catch_up=partial(catch_up, settings.dsn, table=settings.table) if refreshed else None,
    )
    served = Dashboard(connector(settings.dsn, table=settings.table), options)
    serve(served.application(), host=host, port=port, said=say, opened=opened)
