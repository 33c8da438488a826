-- As sums/clickhouse/tables.py says: `PLACES` numbers for each insert. An id that was inserted twice has the first one.
SELECT id, min(_block_number * 1024 + place) AS number FROM {ids} WHERE id IN ({wanted}) GROUP BY id
