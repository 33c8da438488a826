SELECT count(*) AS count FROM {documents} WHERE {condition}
