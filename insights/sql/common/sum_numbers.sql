SELECT id, number FROM {ids} WHERE id IN ({wanted})
