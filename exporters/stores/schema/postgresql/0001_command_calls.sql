CREATE TABLE {table} (
    {columns},
    PRIMARY KEY ({key})
){partitioned};
-- Identity of a row, and what makes a retry harmless; (called_at, span_id) stays local in the index, a random key would not.
CREATE UNIQUE INDEX {index}_identity ON {table} (called_at, span_id);
CREATE INDEX {index}_command ON {table} (command, called_at);
