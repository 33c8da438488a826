"""A dashboard of docs/grafana, and its queries as Grafana sends them. No Grafana runs here."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights import REPORTS
from slashspan.insights.filters import ALL_KINDS
from tests.support import ROOT

if TYPE_CHECKING:
    from slashspan.insights import Filters

ALL: Final = "$__all"
_NAMES: Final = {report.title: name for name, report in REPORTS.items()}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


class GrafanaFile:
    """`docs/grafana/slashspan-<name>.json`."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.text: Final = (ROOT / "docs" / "grafana" / f"slashspan-{name}.json").read_text("utf-8")
        self.json: Final[dict[str, Any]] = json.loads(self.text)
        self.panels: Final = {_NAMES[each["title"]]: each for each in self.json["panels"] if each["type"] != "row"}
        self.variables: Final = {each["name"]: each for each in self.json["templating"]["list"]}

    def query_of(self, panel: str, filters: Filters) -> str:
        """What the database gets."""
        (target,) = self.panels[panel]["targets"]
        return self.expanded(target["rawSql"], filters)

    def expanded(self, sql: str, filters: Filters) -> str:
        """As Grafana does: variables first, then the data source's macros.

        https://grafana.com/docs/grafana/latest/visualizations/dashboards/variables/variable-syntax/: `sqlstring` quotes
        each value and doubles its quotes; the custom value of "All" is never escaped.
        """
        values = _selected(filters)

        def variable(match: re.Match[str]) -> str:
            name, form = match.groups()
            chosen = values[name]
            if chosen == [ALL]:
                if "allValue" in self.variables[name]:
                    return str(self.variables[name]["allValue"])
                chosen = [each["value"] for each in self.variables[name]["options"]]
            if form == "raw":
                return ",".join(chosen)
            return ",".join("'" + each.replace("'", "''") + "'" for each in chosen)

        assert filters.since
        assert filters.until
        sql = re.sub(r"\$\{(\w+):(raw|sqlstring)\}", variable, sql)
        for end, moment in (("from", filters.since), ("to", filters.until)):
            sql = sql.replace(
                f"$__time{end.capitalize()}()", f"'{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ}'"
            )
            milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
            sql = sql.replace(f"$__{end}Time_ms", f"fromUnixTimestamp64Milli({milliseconds})")
        assert "$" not in sql
        return sql


def _selected(filters: Filters) -> dict[str, list[str]]:
    """What a visitor chooses in Grafana for these filters."""
    kinds = [ALL] if filters.kinds == ALL_KINDS else [kind or "legacy" for kind in filters.counted_kinds]
    found = {"table": ["command_calls"], "zone": [filters.zone], "kind": kinds}
    for name in ("commands", "guilds", "environments", "releases"):
        found[name.removesuffix("s")] = [str(each) for each in getattr(filters, name)] or [ALL]
    return found
