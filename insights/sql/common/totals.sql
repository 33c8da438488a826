-- Discord waits 3 s for an answer to an interaction; a prefix command is a message and needs none, and an old bot's rows
-- (no kind) say nothing about answers.
SELECT count(*) AS calls,
       count(DISTINCT user_id) AS users,
       count(DISTINCT guild_id) AS guilds,
       sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS ok,
       sum(CASE WHEN outcome = 'error' THEN 1 ELSE 0 END) AS errors,
       sum(CASE WHEN outcome = 'rejected' THEN 1 ELSE 0 END) AS rejected,
       sum(CASE WHEN kind NOT IN ('prefix', '') THEN 1 ELSE 0 END) AS interactions,
       sum(CASE WHEN kind NOT IN ('prefix', '') AND (ack_ms > 3000 OR outcome = 'expired') THEN 1 ELSE 0 END) AS over_3s,
       sum(CASE WHEN kind NOT IN ('prefix', '') AND ack_ms IS NULL AND outcome <> 'expired' THEN 1 ELSE 0 END) AS never,
       nearest_ranks(duration_ms) AS durations,
       nearest_ranks(ack_ms) AS acks,
       min(called_at) AS first_at,
       max(called_at) AS last_at
  FROM {calls} AS calls
