-- Entries without a name or a time are passed over, whoever wrote them: the column takes any JSON.
WITH lists AS (
    SELECT kind, command, duration_ms,
           CASE WHEN jsonb_typeof(checkpoints) = 'array' THEN checkpoints END AS list
      FROM {calls} AS calls
     WHERE checkpoints IS NOT NULL
), totals AS (
    SELECT kind, command, sum(duration_ms) AS total_ms FROM lists WHERE list IS NOT NULL GROUP BY kind, command
), steps AS (
    SELECT kind, command, step ->> 'name' AS name,
           CASE WHEN jsonb_typeof(step -> 'step_ms') = 'number' AND abs((step ->> 'step_ms')::numeric) < 1e300
                THEN (step ->> 'step_ms')::float8 END AS step_ms,
           CASE WHEN jsonb_typeof(step -> 'at_ms') = 'number' AND abs((step ->> 'at_ms')::numeric) < 1e300
                THEN (step ->> 'at_ms')::float8 END AS reached_ms
      FROM lists, jsonb_array_elements(list) AS step
     WHERE jsonb_typeof(step -> 'name') = 'string'
), counted AS (
    SELECT kind, command, name, count(*) AS calls, nearest_ranks(step_ms) AS ranks, nearest_ranks(reached_ms) AS reached,
           sum(step_ms) AS step_ms, sum(CASE WHEN step_ms > :slow_ms THEN 1 ELSE 0 END) AS slow
      FROM steps
     WHERE step_ms IS NOT NULL
     GROUP BY kind, command, name
)
SELECT counted.*, total_ms FROM counted JOIN totals USING (kind, command)
