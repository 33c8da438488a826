"""Results in a terminal: tables, bars and sparklines of at most 80 columns."""
