CREATE TABLE IF NOT EXISTS players (
    uid bigint PRIMARY KEY,
    name text NOT NULL,
    country text NOT NULL DEFAULT '',
    mode text NOT NULL DEFAULT 'standard',
    banned boolean NOT NULL DEFAULT false,
    terms_accepted_at timestamptz,
    set_up_at timestamptz
);

CREATE TABLE IF NOT EXISTS ratings (
    uid bigint NOT NULL REFERENCES players (uid),
    mode text NOT NULL,
    rating integer NOT NULL,
    games integer NOT NULL DEFAULT 0,
    wins integer NOT NULL DEFAULT 0,
    PRIMARY KEY (uid, mode)
);

CREATE INDEX IF NOT EXISTS ratings_by_rank ON ratings (mode, rating DESC, uid);

CREATE TABLE IF NOT EXISTS matches (
    report_id bigint PRIMARY KEY,
    mode text NOT NULL,
    winner bigint NOT NULL REFERENCES players (uid),
    loser bigint NOT NULL REFERENCES players (uid),
    change integer NOT NULL,
    played_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS matches_of_winner ON matches (winner, report_id);
CREATE INDEX IF NOT EXISTS matches_of_loser ON matches (loser, report_id);

CREATE TABLE IF NOT EXISTS notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid bigint NOT NULL REFERENCES players (uid),
    author bigint NOT NULL,
    note text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);

CREATE OR REPLACE VIEW standings AS
SELECT r.mode, r.rating, r.uid, r.games, r.wins, p.name, p.country
FROM ratings r JOIN players p ON p.uid = r.uid
WHERE NOT p.banned;
