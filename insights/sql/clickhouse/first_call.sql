SELECT min(called_at) AS first_at FROM {calls} AS calls HAVING count(*) > 0
