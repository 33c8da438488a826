"""Settings → provider, processors, exporters: what `configure` builds, and how it shuts down."""

import discord  # noqa: F401 - first: under `slashspan run` this import starts recording, which needs our modules whole
