"""`slashspan report` and `slashspan chart`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from slashspan.errors import ConfigurationError
from slashspan.telemetry.cli.options import dsn_option, env_file_option, settings_of
from slashspan.telemetry.cli.output import progress, say
from slashspan.telemetry.cli.reading import opened_reader
from slashspan.telemetry.cli.stats import completed_from, filter_options, filters_of, options_of

FORMATS: Final = (".png", ".svg", ".json")


def _charts() -> dict[str, str]:
    from slashspan.insights.charts import CHARTS

    return {name: chart.report.title for name, chart in CHARTS.items()}


@click.command(short_help="Draw one chart as PNG or SVG.")
@env_file_option
@dsn_option
@click.argument("name", required=False, shell_complete=completed_from(_charts))
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@filter_options
@click.option("--list", "listed", is_flag=True, help="List the charts.")
@click.option("--dark", is_flag=True, help="Light text on a dark background.")
@click.option("--width", type=click.IntRange(200, 4000), default=720, show_default=True, help="In pixels.")
def chart(
    dsn: str | None, name: str | None, file: Path | None, listed: bool, dark: bool, width: int, **chosen: Any
) -> None:
    """Draw the chart NAME of the last 7 days into FILE: .png, .svg, or .json for its Vega-Lite specification.

    Needs the extra `charts`.
    """
    from slashspan.insights.charts import CHARTS, find_chart, picture

    if listed:
        for each, title in _charts().items():
            say(f"{each:{max(map(len, CHARTS))}}  {title}")
        return
    if name is None or file is None:
        raise click.UsageError("give the name of a chart and a file: slashspan chart calls calls.png; see --list")
    if file.suffix.lower() not in FORMATS:
        raise click.UsageError(f"{file}: the name of the file must end with one of {', '.join(FORMATS)}")
    found = find_chart(name)
    settings = settings_of(dsn)
    filters = filters_of(settings, **chosen)
    with opened_reader(settings, filters) as reader:
        _, drawing = reader.run(found.read, filters, **options_of(found.name, filters, settings))
    if file.suffix.lower() == ".png":
        _write(file, picture.png(drawing, width=width, dark=dark))
    elif file.suffix.lower() == ".svg":
        _write(file, picture.svg(drawing, width=width, dark=dark).encode())
    else:
        _write(file, json.dumps(picture.specification(drawing, width=width, dark=dark), allow_nan=False).encode())
    say(f"{file}: {drawing.sentence}")


@click.command(short_help="Write all charts and tables into one HTML file.")
@env_file_option
@dsn_option
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@filter_options
@click.option("--title", default="Commands", show_default=True, help="Heading of the page.")
def report(dsn: str | None, file: Path, title: str, **chosen: Any) -> None:
    """Write a page about the last 7 days into FILE: all charts with their tables and definitions.

    It is one file without scripts, for a browser in light or dark, for print and for mail. Needs the extra `charts`.
    """
    from slashspan.insights.pages.report import chart_names, numbers, render

    settings = settings_of(dsn)
    filters = filters_of(settings, **chosen)
    with opened_reader(settings, filters) as reader, progress("reports") as bar:
        task = bar.add_task("", total=len(list(chart_names(filters, settings.funnel))))
        found = reader.run(numbers, filters, lambda _: bar.advance(task), funnel=settings.funnel)
    _write(file, render(found, title=title).encode())
    say(f"{file}: {found.totals.rows[0].calls:,} calls, {len(found.results)} charts")


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror or error}") from error
