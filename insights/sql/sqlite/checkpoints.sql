-- Entries without a name or a time have no name here, whoever wrote them: the column takes any text. The duration of a
-- call counts once, with its first entry.
WITH lists AS (
    SELECT kind, command, duration_ms,
           CASE WHEN json_valid(checkpoints) THEN CASE json_type(checkpoints) WHEN 'array' THEN checkpoints END END AS list
      FROM {calls} AS calls
     WHERE checkpoints IS NOT NULL
), entries AS (
    SELECT kind, command, CASE step.key WHEN 0 THEN duration_ms END AS duration_ms,
           CASE step.type WHEN 'object' THEN step.value ELSE '{}' END AS step
      FROM lists, json_each(list) AS step
), steps AS (
    SELECT kind, command, duration_ms, json_extract(step, '$.name') AS name,
           json_extract(step, '$.step_ms') AS step_ms, json_extract(step, '$.at_ms') AS reached_ms,
           json_type(step, '$.name') = 'text' AND json_type(step, '$.step_ms') IN ('integer', 'real')
               AND abs(json_extract(step, '$.step_ms')) < 1e300 AS valid,
           json_type(step, '$.at_ms') IN ('integer', 'real') AND abs(json_extract(step, '$.at_ms')) < 1e300 AS reached
      FROM entries
     LIMIT -1  -- each is computed once
), checked AS (
    SELECT kind, command, duration_ms, CASE WHEN valid THEN name END AS name, CASE WHEN valid THEN step_ms END AS step_ms,
           CASE WHEN valid AND reached THEN reached_ms END AS reached_ms
      FROM steps
)
SELECT kind, command, name, count(step_ms) AS calls, nearest_ranks(step_ms) AS ranks, nearest_ranks(reached_ms) AS reached,
       sum(step_ms) AS step_ms, sum(duration_ms) AS total_ms, sum(CASE WHEN step_ms > :slow_ms THEN 1 ELSE 0 END) AS slow
  FROM checked
 GROUP BY kind, command, name
