-- The durations at two places of each release's, which `{low}` and `{high}` choose by its name.
SELECT release, place, duration_ms
  FROM (SELECT release, duration_ms, row_number() OVER (PARTITION BY release ORDER BY duration_ms) AS place
          FROM {calls} AS calls
         WHERE release <> '' AND duration_ms IS NOT NULL) AS placed
 WHERE place = {low} OR place = {high}
