SELECT coalesce(outcome, '') AS outcome, count(*) AS calls
  FROM {table}
 WHERE called_at >= :since AND called_at < :until
 GROUP BY 1
 ORDER BY 2 DESC, 1
