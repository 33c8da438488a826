-- The names in the table, each found from the one before it in the index (command, called_at), and the last call of each.
WITH RECURSIVE names(name) AS (
    SELECT min(command) FROM {table}
     UNION ALL
    SELECT (SELECT min(command) FROM {table} AS t WHERE t.command > names.name) FROM names WHERE names.name IS NOT NULL
), last_calls AS (
    SELECT (
        SELECT id FROM {table} AS r
         WHERE r.command = names.name AND {conditions}
         ORDER BY called_at DESC, id DESC
         LIMIT 1
    ) AS id
      FROM names
)
SELECT kind, command, called_at AS last_at
  FROM {calls} AS calls
 WHERE row_id IN (SELECT id FROM last_calls)
