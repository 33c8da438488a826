"""`slashspan report`: the numbers of the file, and what it must not contain."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser

import pytest

from slashspan import insights
from slashspan.insights.charts import CHARTS
from slashspan.insights.pages.report import TABLE_ROWS, Numbers, chart_names, numbers, render
from tests.support.history import NOW, recent_filters, store_history

APART = {"funnel", "duration-histogram"}
"""The steps of a funnel have to be chosen; a histogram is about one command."""
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Texts, tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids |= {value or "" for name, value in attrs if name == "id"}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Numbers:
    dsn = store_history(tmp_path_factory.mktemp("history") / "calls.db")
    with insights.open_reader(dsn) as reader:
        return reader.run(numbers, recent_filters())


@pytest.fixture(scope="module")
def page(found: Numbers) -> Page:
    return Page(render(found, title="My bot", now=NOW))


@pytest.fixture(scope="module")
def hostile(found: Numbers) -> str:
    """A page about commands, one with the name EVIL, of which there are more than the table shows."""
    commands = found.results["commands"]
    rows = (dataclasses.replace(commands.rows[0], command=EVIL), *commands.rows[:1] * (TABLE_ROWS + 22))
    results = {**found.results, "commands": dataclasses.replace(commands, rows=rows)}
    return render(dataclasses.replace(found, results=results), title=EVIL, now=NOW)


def test_the_page_has_every_chart_with_its_sentence_and_its_table(found: Numbers, page: Page) -> None:
    assert set(chart_names(recent_filters())) == set(CHARTS) - APART
    assert set(chart_names(recent_filters())) <= page.ids
    for name, result in found.results.items():
        assert CHARTS[name].draw(result).sentence in page.text
    assert f"{found.totals.rows[0].calls:,}" in page.text
    assert "95 % stored within" in page.text
    assert "My bot" in page.text
    assert "Europe/Berlin" in page.text
    top = found.results["commands"].rows[0]
    assert f"{top.calls:,}" in page.text


def test_the_page_needs_no_script_and_no_network(page: Page) -> None:
    assert not page.tags & {"script", "link", "iframe", "object", "img"}
    addresses = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "action")]
    assert not [address for address in addresses if not address.startswith("#")]
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_what_users_wrote_is_text(hostile: str) -> None:
    assert "<script" not in hostile
    assert "<img" not in hostile
    assert hostile.count("&lt;script&gt;") >= 4  # title twice, sentence, table


def test_a_long_table_is_cut_and_says_so(hostile: str) -> None:
    assert "and 23 more: slashspan stats commands --csv" in Page(hostile).text
