SELECT {bucket} AS bucket,
       count(*) AS calls,
       count(DISTINCT user_id) AS users,
       sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS ok,
       sum(CASE WHEN outcome = 'error' THEN 1 ELSE 0 END) AS errors,
       sum(CASE WHEN kind NOT IN ('prefix', '') THEN 1 ELSE 0 END) AS interactions,
       sum(CASE WHEN kind NOT IN ('prefix', '') AND (ack_ms IS NULL OR ack_ms > 3000 OR outcome = 'expired') THEN 1 ELSE 0 END) AS late,
       nearest_ranks(duration_ms) AS ranks
  FROM {calls} AS calls
 GROUP BY {bucket}
