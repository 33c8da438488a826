-- Entries without a name or a time have no name here, whoever wrote them: the column takes any JSON. The duration of a
-- call counts once, with its first entry.
WITH lists AS (
    SELECT kind, command, duration_ms, CASE WHEN jsonb_typeof(checkpoints) = 'array' THEN checkpoints END AS list
      FROM {calls} AS calls
     WHERE checkpoints IS NOT NULL
), steps AS (
    SELECT kind, command, CASE place WHEN 1 THEN duration_ms END AS duration_ms,
           CASE WHEN jsonb_typeof(step -> 'name') = 'string' THEN step ->> 'name' END AS name,
           CASE WHEN jsonb_typeof(step -> 'step_ms') = 'number' AND abs((step ->> 'step_ms')::numeric) < 1e300
                THEN (step ->> 'step_ms')::float8 END AS step_ms,
           CASE WHEN jsonb_typeof(step -> 'at_ms') = 'number' AND abs((step ->> 'at_ms')::numeric) < 1e300
                THEN (step ->> 'at_ms')::float8 END AS reached_ms
      FROM lists, jsonb_array_elements(list) WITH ORDINALITY AS entries (step, place)
), checked AS (
    SELECT kind, command, duration_ms, CASE WHEN step_ms IS NOT NULL THEN name END AS name,
           CASE WHEN name IS NOT NULL THEN step_ms END AS step_ms,
           CASE WHEN name IS NOT NULL AND step_ms IS NOT NULL THEN reached_ms END AS reached_ms
      FROM steps
)
SELECT kind, command, name, count(step_ms) AS calls, nearest_ranks(step_ms) AS ranks, nearest_ranks(reached_ms) AS reached,
       sum(step_ms) AS step_ms, sum(duration_ms) AS total_ms, sum(CASE WHEN step_ms > :slow_ms THEN 1 ELSE 0 END) AS slow
  FROM checked
 GROUP BY kind, command, name
