-- Whatever is no time sorts before or after all times.
SELECT called_at AS first_at
  FROM {calls} AS calls
 WHERE row_id = (
    SELECT id FROM {table} WHERE called_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]*' ORDER BY called_at LIMIT 1
 )
