-- In seconds; what is before or after all days is the first or the last.
SELECT CAST(floor(greatest(extract(epoch FROM since), :first)) AS bigint) AS first_s,
       CAST(floor(least(extract(epoch FROM until), :last)) AS bigint) + 1 AS end_s
  FROM {marks}
