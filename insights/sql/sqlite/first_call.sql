-- As text, times of an old bot are in order by day only, and an offset can move the day by one. Whatever is no time
-- sorts before or after all times.
SELECT min(called_at) AS first_at
  FROM {calls} AS calls
 WHERE row_id IN (
    SELECT id FROM {table} WHERE called_at < (
        SELECT date(substr(called_at, 1, 10), '+3 days')
          FROM {table}
         WHERE called_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]*'
         ORDER BY called_at
         LIMIT 1
    )
 )
