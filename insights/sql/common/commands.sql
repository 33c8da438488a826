SELECT kind, command,
       count(*) AS calls,
       count(DISTINCT user_id) AS users,
       sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS ok,
       sum(CASE WHEN outcome = 'error' THEN 1 ELSE 0 END) AS errors,
       sum(CASE WHEN outcome = 'rejected' THEN 1 ELSE 0 END) AS rejected,
       sum(CASE WHEN kind NOT IN ('prefix', '') AND (ack_ms > 3000 OR outcome = 'expired') THEN 1 ELSE 0 END) AS over_3s,
       nearest_ranks(duration_ms) AS durations,
       nearest_ranks(ack_ms) AS acks,
       max(called_at) AS last_at
  FROM {calls} AS calls
 GROUP BY kind, command
