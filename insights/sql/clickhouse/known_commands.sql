SELECT command, argMax(kind, (called_at, row_id)) AS kind, max(called_at) AS last_at
  FROM {calls} AS calls
 GROUP BY command
