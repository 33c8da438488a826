SELECT release,
       count(*) AS calls,
       count(DISTINCT user_id) AS users,
       sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS ok,
       sum(CASE WHEN outcome = 'error' THEN 1 ELSE 0 END) AS errors,
       count(duration_ms) AS timed,
       nearest_ranks(duration_ms) AS ranks,
       min(called_at) AS first_at,
       max(called_at) AS last_at
  FROM {calls} AS calls
 WHERE release <> ''
 GROUP BY release
