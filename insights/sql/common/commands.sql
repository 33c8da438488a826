-- Nearest-rank percentiles: the smallest value that at least p % of the calls do not exceed. Integer arithmetic, so that
-- both dialects round alike.
WITH calls AS (
    SELECT coalesce(kind, '') AS kind, coalesce(command, '') AS command, discord_uid, outcome, duration_ms, ack_ms
      FROM {table}
     WHERE called_at >= :since AND called_at < :until
), durations AS (
    SELECT kind, command, duration_ms,
           row_number() OVER (PARTITION BY kind, command ORDER BY duration_ms) AS place,
           count(*) OVER (PARTITION BY kind, command) AS total
      FROM calls
     WHERE duration_ms BETWEEN -1e300 AND 1e300  -- not NaN or infinity
), acks AS (
    SELECT kind, command, ack_ms,
           row_number() OVER (PARTITION BY kind, command ORDER BY ack_ms) AS place,
           count(*) OVER (PARTITION BY kind, command) AS total
      FROM calls
     WHERE ack_ms BETWEEN -1e300 AND 1e300
), duration_percentiles AS (
    SELECT kind, command,
           min(CASE WHEN place * 100 >= 50 * total THEN duration_ms END) AS p50_ms,
           min(CASE WHEN place * 100 >= 95 * total THEN duration_ms END) AS p95_ms
      FROM durations
     GROUP BY kind, command
), ack_percentiles AS (
    SELECT kind, command, min(CASE WHEN place * 100 >= 95 * total THEN ack_ms END) AS ack_p95_ms
      FROM acks
     GROUP BY kind, command
), counted AS (
    SELECT kind, command,
           count(*) AS calls,
           count(DISTINCT CASE WHEN discord_uid <> 0 THEN discord_uid END) AS users,
           sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS ok,
           sum(CASE WHEN outcome = 'error' THEN 1 ELSE 0 END) AS errors,
           sum(CASE WHEN outcome = 'rejected' THEN 1 ELSE 0 END) AS rejected
      FROM calls
     GROUP BY kind, command
)
SELECT counted.kind AS kind, counted.command AS command, calls, users, ok, errors, rejected, p50_ms, p95_ms, ack_p95_ms
  FROM counted
  LEFT JOIN duration_percentiles d ON d.kind = counted.kind AND d.command = counted.command
  LEFT JOIN ack_percentiles a ON a.kind = counted.kind AND a.command = counted.command
 ORDER BY calls DESC, counted.kind, counted.command
