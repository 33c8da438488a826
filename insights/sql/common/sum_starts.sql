SELECT start FROM {documents}
