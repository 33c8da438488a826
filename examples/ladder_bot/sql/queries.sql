-- Every statement of the bot, for PostgreSQL and SQLite alike. `-- name:` starts one; $1, $2 … are its parameters.

-- name: get_or_create_player
INSERT INTO players (uid, name) VALUES ($1, $2)
ON CONFLICT (uid) DO UPDATE SET name = excluded.name
RETURNING uid, name, country, mode, banned,
    terms_accepted_at IS NOT NULL AS accepted_terms, set_up_at IS NOT NULL AS set_up

-- name: find_player
SELECT uid, name, country, mode, banned,
    terms_accepted_at IS NOT NULL AS accepted_terms, set_up_at IS NOT NULL AS set_up
FROM players WHERE uid = $1

-- name: accept_terms
INSERT INTO players (uid, name, terms_accepted_at) VALUES ($1, $2, CURRENT_TIMESTAMP)
ON CONFLICT (uid) DO UPDATE SET terms_accepted_at = excluded.terms_accepted_at

-- name: decline_terms
INSERT INTO players (uid, name) VALUES ($1, $2)
ON CONFLICT (uid) DO UPDATE SET terms_accepted_at = NULL

-- name: set_up_player
UPDATE players SET country = $2, mode = $3, set_up_at = CURRENT_TIMESTAMP WHERE uid = $1

-- name: start_rating
INSERT INTO ratings (uid, mode, rating) VALUES ($1, $2, $3) ON CONFLICT (uid, mode) DO NOTHING

-- name: set_country
UPDATE players SET country = $2 WHERE uid = $1

-- name: set_banned
INSERT INTO players (uid, name, banned) VALUES ($1, $2, $3)
ON CONFLICT (uid) DO UPDATE SET banned = excluded.banned

-- name: add_note
INSERT INTO notes (uid, author, note) VALUES ($1, $2, $3)

-- name: ratings_of
SELECT mode, rating, games, wins FROM ratings WHERE uid = $1 ORDER BY mode DESC

-- name: ratings_of_two
SELECT uid, rating FROM ratings WHERE mode = $1 AND uid IN ($2, $3)

-- name: recent_matches
SELECT m.mode, m.change, m.winner = $1 AS won, p.name AS opponent
FROM (
    SELECT * FROM matches WHERE winner = $1 OR loser = $1 ORDER BY report_id DESC LIMIT 5
) m JOIN players p ON p.uid = CASE WHEN m.winner = $1 THEN m.loser ELSE m.winner END
ORDER BY m.report_id DESC

-- name: record_match
INSERT INTO matches (report_id, mode, winner, loser, change) VALUES ($1, $2, $3, $4, $5)

-- name: move_ratings
UPDATE ratings SET
    rating = rating + CASE WHEN uid = $2 THEN CAST($4 AS integer) ELSE -CAST($4 AS integer) END,
    games = games + 1,
    wins = wins + CASE WHEN uid = $2 THEN 1 ELSE 0 END
WHERE mode = $1 AND uid IN ($2, $3)

-- name: most_wins
SELECT p.name, count(*) AS wins
FROM matches m JOIN players p ON p.uid = m.winner
GROUP BY p.uid, p.name ORDER BY wins DESC, p.uid LIMIT 10

-- name: first_lines
SELECT uid, name, country, rating, games, wins, 0 AS places FROM standings
WHERE mode = $1
ORDER BY rating DESC, uid LIMIT $2

-- name: lines_after
SELECT uid, name, country, rating, games, wins, (
    SELECT count(*) FROM standings WHERE mode = $1 AND rating >= $2 AND (rating > $2 OR uid <= $3)
) AS places
FROM standings
WHERE mode = $1 AND rating <= $2 AND (rating < $2 OR uid > $3)
ORDER BY rating DESC, uid LIMIT $4

-- name: lines_before
SELECT uid, name, country, rating, games, wins, (
    SELECT count(*) FROM standings WHERE mode = $1 AND rating >= $2 AND (rating > $2 OR uid < $3)
) AS places
FROM standings
WHERE mode = $1 AND rating >= $2 AND (rating > $2 OR uid < $3)
ORDER BY rating, uid DESC LIMIT $4

-- name: last_lines
SELECT uid, name, country, rating, games, wins, (SELECT count(*) FROM standings WHERE mode = $1) AS places
FROM standings
WHERE mode = $1
ORDER BY rating, uid DESC LIMIT $2

-- name: all_lines
SELECT uid, name, country, rating, games, wins, 0 AS places FROM standings
WHERE mode = $1
ORDER BY rating DESC, uid
