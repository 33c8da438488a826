"""Makes docs/grafana from the reports: `python -m tools.grafana`."""
