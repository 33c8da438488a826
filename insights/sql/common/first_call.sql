SELECT called_at AS first_at FROM {calls} AS calls WHERE row_id = (SELECT id FROM {table} ORDER BY called_at LIMIT 1)
