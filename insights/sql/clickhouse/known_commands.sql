-- Only those that the caller does not know of: nearly none, so nearly only the column of the names is read.
SELECT command, argMax(kind, (called_at, row_id)) AS kind, max(called_at) AS last_at
  FROM {calls} AS calls
 WHERE NOT has(JSONExtract(:used, 'Array(String)'), command)
 GROUP BY command
