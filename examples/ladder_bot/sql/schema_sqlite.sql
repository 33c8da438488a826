CREATE TABLE IF NOT EXISTS players (
    uid INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL DEFAULT '',
    mode TEXT NOT NULL DEFAULT 'standard',
    banned INTEGER NOT NULL DEFAULT 0,
    terms_accepted_at TEXT,
    set_up_at TEXT
);

CREATE TABLE IF NOT EXISTS ratings (
    uid INTEGER NOT NULL REFERENCES players (uid),
    mode TEXT NOT NULL,
    rating INTEGER NOT NULL,
    games INTEGER NOT NULL DEFAULT 0,
    wins INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (uid, mode)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS ratings_by_rank ON ratings (mode, rating DESC, uid);

CREATE TABLE IF NOT EXISTS matches (
    report_id INTEGER PRIMARY KEY,
    mode TEXT NOT NULL,
    winner INTEGER NOT NULL REFERENCES players (uid),
    loser INTEGER NOT NULL REFERENCES players (uid),
    change INTEGER NOT NULL,
    played_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX IF NOT EXISTS matches_of_winner ON matches (winner, report_id);
CREATE INDEX IF NOT EXISTS matches_of_loser ON matches (loser, report_id);

CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY,
    uid INTEGER NOT NULL REFERENCES players (uid),
    author INTEGER NOT NULL,
    note TEXT NOT NULL,
    written_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE VIEW IF NOT EXISTS standings AS
SELECT r.mode, r.rating, r.uid, r.games, r.wins, p.name, p.country
FROM ratings r JOIN players p ON p.uid = r.uid
WHERE NOT p.banned;
