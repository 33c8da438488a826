"""What is stored: the columns of `command_calls`, and how a finished span becomes a row."""
