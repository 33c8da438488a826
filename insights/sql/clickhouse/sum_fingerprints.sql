-- By hour: the number of rows, doubles included, and the sum of their hashes. A projection has them by quarter of an hour,
-- for exactly these functions: hence the setting.
SELECT {start} AS start, count() AS rows, {hash} AS hash
  FROM {stored}
 WHERE {quarter} >= intDiv(:low, 900) AND {quarter} < intDiv(:high, 900)
 GROUP BY start
SETTINGS aggregate_functions_null_for_empty = 0
