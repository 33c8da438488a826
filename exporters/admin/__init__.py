"""What a person does at the command line: migrate, prune, forget, doctor."""
