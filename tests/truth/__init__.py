"""What is recorded is what happened: every kind of action with every outcome, through the real client."""
