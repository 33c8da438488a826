-- Entries without a name or a time are passed over, whoever wrote them: the column takes any text.
WITH lists AS (
    SELECT coalesce(command, '') AS command,
           CASE WHEN json_valid(checkpoints) THEN
               CASE json_type(checkpoints) WHEN 'array' THEN checkpoints ELSE '[]' END
           ELSE '[]' END AS list
      FROM {table}
     WHERE called_at >= :since AND called_at < :until AND checkpoints IS NOT NULL
), entries AS (
    SELECT command, CASE step.type WHEN 'object' THEN step.value ELSE '{}' END AS step
      FROM lists, json_each(list) AS step
), steps AS (
    SELECT command, json_extract(step, '$.name') AS name, json_extract(step, '$.step_ms') AS step_ms
      FROM entries
     WHERE json_type(step, '$.name') = 'text' AND json_type(step, '$.step_ms') IN ('integer', 'real')
       AND abs(json_extract(step, '$.step_ms')) < 1e300
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
