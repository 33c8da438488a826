"""Store: spans → rows → SQLite, PostgreSQL. Knows the OpenTelemetry SDK and database drivers, never discord.

Each package imports only those below it:

```
admin       migrate, prune, forget, doctor: what an operator runs from the command line
delivery    finished spans and spooled records → the store, or a collector
spool       the local log in which rows wait   ·   stores   SQLite and PostgreSQL
rows        what is stored: the columns, and how a span becomes a row
common      fork handlers, throttled logging, yielding the GIL
```
"""
