"""Every kind of action with every outcome is recorded correctly, with the real client."""
