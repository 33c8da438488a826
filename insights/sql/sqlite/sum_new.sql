-- How many rows there may be above the watermark, and whether one of them has a time that is not in our form.
SELECT coalesce(max(id), 0) - :low AS count,
       (SELECT count(*) FROM (
            SELECT 1 FROM {table} WHERE id > :low AND NOT coalesce(
                length(called_at) = 27 AND substr(called_at, 11, 1) = 'T' AND substr(called_at, 27) = 'Z', 0) LIMIT 1
       )) AS strange
  FROM {table}
