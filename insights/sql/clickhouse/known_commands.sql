-- The time of the last call first: it reads the names and the times, and finds the few rows of those times by the key.
-- NOT IN looks at each name of a dictionary once, where a function would look at each row's. GLOBAL: a table over the shards
-- of a cluster may not be in the subquery of another otherwise.
SELECT command, argMax(kind, (called_at, row_id)) AS kind, max(called_at) AS last_at
  FROM {calls} AS calls
 WHERE (command, called_at) GLOBAL IN (
    SELECT command, max(called_at)
      FROM {calls} AS known
     WHERE command NOT IN (SELECT arrayJoin(JSONExtract(:used, 'Array(String)')))
     GROUP BY command
 )
 GROUP BY command
