SELECT {bucket} AS bucket,
       count(*) AS calls,
       nearest_ranks(gateway_delay_ms) AS ranks,
       sum(CASE WHEN gateway_delay_ms < 0 THEN 1 ELSE 0 END) AS negative
  FROM {calls} AS calls
 WHERE gateway_delay_ms IS NOT NULL
 GROUP BY {bucket}
