"""Settings → provider, processors, exporters: what `configure` builds, and how it shuts down."""
