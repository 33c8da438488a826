SELECT {key} AS place, version, document FROM {documents} WHERE {condition} AND {key} IN ({wanted})
