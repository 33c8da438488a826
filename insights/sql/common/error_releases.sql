-- Which releases each exception has occurred in.
SELECT kind, command, outcome, coalesce(error_type, '') AS type, release
  FROM {calls} AS calls
 WHERE outcome = 'error' OR error_type IS NOT NULL
 GROUP BY kind, command, outcome, coalesce(error_type, ''), release
