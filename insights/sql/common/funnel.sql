SELECT user_id, command, at_us FROM {calls} AS calls WHERE user_id IS NOT NULL ORDER BY user_id, at_us, row_id
