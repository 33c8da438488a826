SELECT release, min(called_at) AS first_at FROM {calls} AS calls WHERE release <> '' GROUP BY release
