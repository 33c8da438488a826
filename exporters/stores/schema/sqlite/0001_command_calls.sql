-- Times are UTC ISO 8601 text with microseconds, which sorts and which SQLite's date functions read; JSON is text.
CREATE TABLE {table} (
    {columns}
);
CREATE UNIQUE INDEX {index}_identity ON {table} (called_at, span_id);
CREATE INDEX {index}_command ON {table} (command, called_at);
