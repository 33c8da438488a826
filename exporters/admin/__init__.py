"""What an operator runs from the command line: migrate, prune, forget, doctor."""
