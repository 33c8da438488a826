"""`python -m tools.grafana FOLDER` writes docs/grafana/slashspan-*.json, one for each data source."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.grafana.dashboard import SOURCES, document

if __name__ == "__main__":
    for name, source in SOURCES.items():
        (Path(sys.argv[1]) / f"slashspan-{name}.json").write_text(document(source) + "\n", "utf-8")
