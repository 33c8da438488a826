WITH steps AS (
    SELECT kind, command, at_us,
           lead(kind) OVER user_calls AS later_kind,
           lead(command) OVER user_calls AS later_command,
           lead(nullif(at_us, -1)) OVER user_calls AS later_us
      FROM {calls} AS calls
     WHERE user_id IS NOT NULL
    WINDOW user_calls AS (PARTITION BY user_id ORDER BY at_us, row_id)
), pairs AS (
    SELECT kind, command,
           CASE WHEN later_us - at_us <= :within_us THEN later_kind END AS next_kind,
           CASE WHEN later_us - at_us <= :within_us THEN later_command END AS next_command,
           CASE WHEN later_us - at_us <= :within_us THEN (later_us - at_us) / CAST(1000 AS double precision) END AS gap_ms
      FROM steps
)
SELECT kind, command, next_kind, next_command, count(*) AS calls, nearest_ranks(gap_ms) AS gaps
  FROM pairs
 GROUP BY kind, command, next_kind, next_command
