"""Finished spans and spooled records on their way to the store, or to a collector."""
