SELECT {bin} AS bin, count(*) AS calls
  FROM {calls} AS calls
 WHERE duration_ms IS NOT NULL
 GROUP BY {bin}
