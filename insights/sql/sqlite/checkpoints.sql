-- Entries without a name or a time are passed over, whoever wrote them: the column takes any text.
WITH lists AS (
    SELECT kind, command, duration_ms,
           CASE WHEN json_valid(checkpoints) THEN CASE json_type(checkpoints) WHEN 'array' THEN checkpoints END END AS list
      FROM {calls} AS calls
     WHERE checkpoints IS NOT NULL
), totals AS (
    SELECT kind, command, sum(duration_ms) AS total_ms FROM lists WHERE list IS NOT NULL GROUP BY kind, command
), entries AS (
    SELECT kind, command, CASE step.type WHEN 'object' THEN step.value ELSE '{}' END AS step
      FROM lists, json_each(list) AS step
), steps AS (
    SELECT kind, command, json_extract(step, '$.name') AS name, json_extract(step, '$.step_ms') AS step_ms,
           CASE WHEN json_type(step, '$.at_ms') IN ('integer', 'real') AND abs(json_extract(step, '$.at_ms')) < 1e300
                THEN json_extract(step, '$.at_ms') END AS reached_ms
      FROM entries
     WHERE json_type(step, '$.name') = 'text' AND json_type(step, '$.step_ms') IN ('integer', 'real')
       AND abs(json_extract(step, '$.step_ms')) < 1e300
), counted AS (
    SELECT kind, command, name, count(*) AS calls, nearest_ranks(step_ms) AS ranks, nearest_ranks(reached_ms) AS reached,
           sum(step_ms) AS step_ms, sum(CASE WHEN step_ms > :slow_ms THEN 1 ELSE 0 END) AS slow
      FROM steps
     GROUP BY kind, command, name
)
SELECT counted.*, total_ms FROM counted JOIN totals USING (kind, command)
