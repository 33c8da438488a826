-- Those that this user may know of.
SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN ({names})
