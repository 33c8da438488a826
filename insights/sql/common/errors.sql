SELECT kind, command,
       count(*) AS calls,
       sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS ok,
       sum(CASE WHEN outcome = 'error' THEN 1 ELSE 0 END) AS errors,
       sum(CASE WHEN outcome = 'rejected' THEN 1 ELSE 0 END) AS rejected
  FROM {calls} AS calls
 GROUP BY kind, command
