"""Used by all of the rooms above: fork handlers, throttled logging, yielding the GIL."""
