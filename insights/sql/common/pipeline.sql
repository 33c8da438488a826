WITH lags AS (
    SELECT {bucket} AS bucket, inserted_us, (inserted_us - at_us) / CAST(1000 AS double precision) AS lag_ms,
           coalesce(duration_ms, 0) AS busy_ms
      FROM {calls} AS calls WHERE inserted_us IS NOT NULL
)
SELECT bucket, count(*) AS calls, nearest_ranks(lag_ms) AS ranks, max(lag_ms) AS longest,
       sum(CASE WHEN lag_ms > :late_ms THEN 1 ELSE 0 END) AS late,
       count(DISTINCT inserted_us) AS batches,
       sum(CASE WHEN lag_ms > busy_ms THEN lag_ms - busy_ms ELSE 0 END) AS waited_ms
  FROM lags
 GROUP BY bucket
