-- The names in the table, each found from the one before it in the index (command, called_at), and the last call of each
-- that is not `used`.
-- As text, times of an old bot are in order by day only, and an offset can move the day by one: the last call is among
-- those from two days before the last text on.
WITH RECURSIVE names(name) AS (
    SELECT min(command) FROM {table}
     UNION ALL
    SELECT (SELECT min(command) FROM {table} AS t WHERE t.command > names.name) FROM names WHERE names.name IS NOT NULL
), last_calls AS (
    SELECT name, (SELECT max(called_at) FROM {table} AS t WHERE t.command = names.name AND {conditions}) AS last
      FROM names
     WHERE name NOT IN (SELECT value FROM json_each(:used))
), candidates AS (
    SELECT r.id
      FROM last_calls
      JOIN {table} AS r ON r.command = name AND r.called_at >= date(substr(last, 1, 10), '-2 days')
     WHERE {conditions}
)
SELECT kind, command, substr(max(called_at || printf('%020d', row_id)), 1, 27) AS last_at
  FROM {calls} AS calls
 WHERE row_id IN (SELECT id FROM candidates)
 GROUP BY command
