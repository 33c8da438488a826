SELECT * FROM {state}
