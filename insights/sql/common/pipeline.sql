WITH lags AS (
    SELECT {bucket} AS bucket, (inserted_us - at_us) / CAST(1000 AS double precision) AS lag_ms FROM {calls} AS calls WHERE inserted_us IS NOT NULL
)
SELECT bucket, count(*) AS calls, nearest_ranks(lag_ms) AS ranks, max(lag_ms) AS longest,
       sum(CASE WHEN lag_ms > :late_ms THEN 1 ELSE 0 END) AS late
  FROM lags
 GROUP BY bucket
