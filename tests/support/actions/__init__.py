"""Every kind of user action with every outcome: a bot, the cases, and how they are played."""
