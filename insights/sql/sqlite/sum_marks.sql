SELECT start AS first_s, start + 3600 AS end_s FROM {marks}
