WITH steps AS (
    SELECT command, step ->> 'name' AS name, (step ->> 'step_ms')::float8 AS step_ms
      FROM {table}, jsonb_array_elements(checkpoints) AS step
     WHERE called_at >= :since AND called_at < :until AND checkpoints IS NOT NULL
), ranked AS (
    SELECT command, name, step_ms,
           row_number() OVER (PARTITION BY command, name ORDER BY step_ms) AS place,
           count(*) OVER (PARTITION BY command, name) AS total
      FROM steps
)
SELECT command, name, count(*) AS calls,
       min(CASE WHEN place * 100 >= 95 * total THEN step_ms END) AS p95_ms,
       sum(CASE WHEN step_ms > :slow_ms THEN 1 ELSE 0 END) AS slow
  FROM ranked
 GROUP BY command, name
 ORDER BY slow DESC, p95_ms DESC, command, name
