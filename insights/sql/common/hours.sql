-- Day 0 was a Monday.
SELECT day % 7 AS weekday, hour, count(*) AS calls, min(called_at) AS first_at, max(called_at) AS last_at
  FROM {calls} AS calls
 GROUP BY day % 7, hour
