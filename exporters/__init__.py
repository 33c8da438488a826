"""Store: spans → rows → SQLite, PostgreSQL. Knows the OpenTelemetry SDK and database drivers, never discord."""
