"""What every part needs and no part owns: fork handlers, throttled logging, yielding the GIL."""
