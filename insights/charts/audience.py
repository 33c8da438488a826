"""Where they are, and what they do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.insights import reports
from slashspan.insights.charts import shapes
from slashspan.insights.charts.drawing import LIMIT, PURPLE, TEAL, Drawing
from slashspan.insights.charts.registry import NO_CALLS, chart, distinct, ranked_height
from slashspan.insights.wording import command_name, percent, plural

if TYPE_CHECKING:
    from slashspan.insights.result import Result


@chart(reports.guilds)
def guilds(result: Result[Any]) -> Drawing:
    if not result.rows:
        return NO_CALLS
    shown = result.rows[:LIMIT]
    labels = [{"dm": "direct messages", "guild": str(row.guild_id)}.get(row.place, "unknown") for row in shown]
    served = sum(row.place == "guild" for row in result.rows)
    dm = sum(row.share or 0.0 for row in result.rows if row.place == "dm")
    sentence = f"{plural(served, 'guild')}; {percent(dm)} of the calls came in direct messages"
    return Drawing(sentence, shapes.bars(result, shown, distinct(labels), "calls", colour=PURPLE), ranked_height(shown))


@chart(reports.locales)
def locales(result: Result[Any]) -> Drawing:
    rows = [row for row in result.rows if row.whose == "user"][:LIMIT]
    if not rows:
        return Drawing("No user's language is known", None)
    top = rows[0]
    sentence = f"{percent(top.share)} of the users have Discord in {top.locale}"
    return Drawing(
        sentence, shapes.bars(result, rows, [r.locale for r in rows], "users", colour=TEAL), ranked_height(rows)
    )


@chart(reports.next_commands)
def next_commands(result: Result[Any]) -> Drawing:
    rows = [row for row in result.rows if row.next_command is not None][:LIMIT]
    if not rows:
        return Drawing("Nobody called two commands within 30 minutes", None)
    top = rows[0]
    sentence = f"After {command_name(top)} comes {_next_name(top)} most often: {percent(top.share)} of the time"
    labels = distinct([f"{command_name(row)} → {_next_name(row)}" for row in rows])
    return Drawing(sentence, shapes.bars(result, rows, labels, "calls", colour=PURPLE), ranked_height(rows))


def _next_name(row: Any) -> str:
    return command_name(row, row.next_command, row.next_kind)


@chart(reports.funnel)
def funnel(result: Result[Any]) -> Drawing:
    if not result.rows or not result.rows[0].users:
        return Drawing("Nobody took the first step", None)
    first, last = result.rows[0], result.rows[-1]
    labels = [f"{row.step}. {row.command}" for row in result.rows]
    sentence = f"{percent(last.share)} of {plural(first.users, 'user')} got from {first.command} to {last.command}"
    return Drawing(sentence, shapes.bars(result, result.rows, labels, "users", colour=TEAL), ranked_height(result.rows))
