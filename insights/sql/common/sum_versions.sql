SELECT {key} AS place, version FROM {documents} WHERE {condition}
