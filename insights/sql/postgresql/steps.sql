-- Entries without a name or a time are passed over, whoever wrote them: the column takes any JSON.
WITH entries AS (
    SELECT coalesce(command, '') AS command, step
      FROM {table},
           jsonb_array_elements(CASE WHEN jsonb_typeof(checkpoints) = 'array' THEN checkpoints ELSE '[]' END) AS step
     WHERE called_at >= :since AND called_at < :until
), steps AS (
    SELECT command, step ->> 'name' AS name,
           CASE WHEN jsonb_typeof(step -> 'step_ms') = 'number' AND abs((step ->> 'step_ms')::numeric) < 1e300
                THEN (step ->> 'step_ms')::float8 END AS step_ms
      FROM entries
     WHERE jsonb_typeof(step -> 'name') = 'string'
), ranked AS (
    SELECT command, name, step_ms,
           row_number() OVER (PARTITION BY command, name ORDER BY step_ms) AS place,
           count(*) OVER (PARTITION BY command, name) AS total
      FROM steps
     WHERE step_ms IS NOT NULL
)
SELECT command, name, count(*) AS calls,
       min(CASE WHEN place * 100 >= 95 * total THEN step_ms END) AS p95_ms,
       sum(CASE WHEN step_ms > :slow_ms THEN 1 ELSE 0 END) AS slow
  FROM ranked
 GROUP BY command, name
 ORDER BY slow DESC, p95_ms DESC, command, name
