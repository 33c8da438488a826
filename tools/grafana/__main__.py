"""`python -m tools.grafana` prints docs/grafana/slashspan-postgresql.json."""

from __future__ import annotations

import sys

from tools.grafana.dashboard import document

if __name__ == "__main__":
    sys.stdout.write(document() + "\n")
