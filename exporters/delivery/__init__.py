"""Delivers finished spans and spooled records to the store, or to a collector."""
