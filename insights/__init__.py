"""Read: `command_calls` → numbers. Knows the table, never how it was filled."""
