-- Times are UTC ISO 8601 text with microseconds, which sorts and which SQLite's date functions read; JSON is text.
CREATE TABLE {table} (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    discord_uid      INTEGER NOT NULL,
    player_name      TEXT    NOT NULL,
    command          TEXT    NOT NULL,
    called_at        TEXT    NOT NULL,
    kind             TEXT,
    outcome          TEXT,
    error_type       TEXT,
    duration_ms      REAL,
    ack_ms           REAL,
    gateway_delay_ms REAL,
    rate_limited_ms  REAL,
    interaction_id   INTEGER,
    guild_id         INTEGER,
    channel_id       INTEGER,
    shard_id         INTEGER,
    locale           TEXT,
    guild_locale     TEXT,
    service_name     TEXT,
    service_version  TEXT,
    environment      TEXT,
    trace_id         TEXT,
    span_id          INTEGER,
    checkpoints      TEXT,
    attributes       TEXT,
    inserted_at      TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
);
CREATE UNIQUE INDEX {index}_identity ON {table} (called_at, span_id);
CREATE INDEX {index}_command ON {table} (command, called_at);
