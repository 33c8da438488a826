SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'trigger') AND name LIKE :prefix || '%'
