SELECT kind, command, outcome, coalesce(error_type, '') AS type,
       count(*) AS calls,
       count(DISTINCT user_id) AS users,
       min(called_at) AS first_at,
       max(called_at) AS last_at
  FROM {calls} AS calls
 WHERE outcome = 'error' OR error_type IS NOT NULL
 GROUP BY kind, command, outcome, coalesce(error_type, '')
