SELECT kind, command, count(duration_ms) AS calls, nearest_ranks(duration_ms) AS ranks, max(duration_ms) AS longest
  FROM {calls} AS calls
 WHERE duration_ms IS NOT NULL
 GROUP BY kind, command
