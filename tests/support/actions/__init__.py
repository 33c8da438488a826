"""Every kind of user action with every outcome: a bot that takes part in them, the cases, and how they are played."""
