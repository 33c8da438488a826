-- The duration of a call counts once, with its first entry.
WITH steps AS (
    SELECT kind, command, if(place = 1, duration_ms, NULL) AS call_ms, step.name AS name, step.step_ms AS one_ms,
           step.at_ms AS reached_ms
      FROM {calls} AS calls
     ARRAY JOIN checkpoints AS step, arrayEnumerate(checkpoints) AS place
)
SELECT kind, command, name, count(one_ms) AS calls, nearest_ranks(one_ms) AS ranks, nearest_ranks(reached_ms) AS reached,
       sum(one_ms) AS step_ms, sum(call_ms) AS total_ms, sum(if(one_ms > :slow_ms, 1, 0)) AS slow
  FROM steps
 GROUP BY kind, command, name
